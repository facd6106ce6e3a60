/** Where everybody begins: the built-in model, a file, a link, or what is kept here. */
import { useSignal } from '@preact/signals';
import { cancel, choose, stage, tryPocket } from '../state/session.ts';
import { stored } from '../state/stored.ts';
import { showTrouble } from '../state/trouble.ts';
import { bytes, language, languages, speak, t } from '../text/index.ts';
import { Button } from './button.tsx';
import { Icon } from './icons.tsx';

export function openFiles(files: readonly File[]): void {
  const [first] = files;
  if (!first) return;
  void choose({ source: files.length === 1 ? first : files, name: first.name, kind: 'files' });
}

export function openLink(text: string): void {
  const link = text.trim();
  if (!link) return;
  const source = link.startsWith('hf:') ? link : URL.parse(hubFile(link), document.baseURI)?.href;
  if (source) void choose({ source, name: source, kind: 'link' });
  else showTrouble(new TypeError(`${link} does not name a file`));
}

/** A page of the hub that shows a file leads to the file. */
function hubFile(link: string): string {
  return link.replace(/^(https:\/\/huggingface\.co\/[^/]+\/[^/]+)\/blob\//, '$1/resolve/');
}

export function Start() {
  const busy = stage.value === 'inspecting';
  return (
    <div class="start">
      <section class="hero">
        <h1>{t('tagline')}</h1>
        <p>{t('promise')}</p>
        <div class="try">
          <button type="button" id="try" class="primary large" disabled={busy} onClick={() => void tryPocket()}>
            {t('tryIt')}
          </button>
          <span class="soft">{t('tryNote')}</span>
        </div>
      </section>
      <section class="card" aria-labelledby="open-title">
        <h2 id="open-title">{t('openTitle')}</h2>
        <FileChoice busy={busy} />
        <LinkForm busy={busy} />
        {busy && (
          <div class="row">
            <p role="status" class="grow">
              {t('reading')}
            </p>
            <Button id="cancel" onClick={cancel}>
              {t('cancel')}
            </Button>
          </div>
        )}
      </section>
      <StoredChoice />
      <nav class="languages" aria-label={t('language')}>
        {languages.map(([name, own]) => (
          <button
            key={name}
            type="button"
            class="quiet"
            lang={name}
            aria-pressed={language.value === name}
            onClick={() => speak(name)}
          >
            {own}
          </button>
        ))}
      </nav>
    </div>
  );
}

function FileChoice({ busy }: { busy: boolean }) {
  return (
    <label class="drop">
      <Icon name="file" />
      <span>
        {t('drop')} · <span class="link">{t('chooseFile')}</span>
      </span>
      <span class="soft">{t('splitNote')}</span>
      <input
        id="files"
        type="file"
        accept=".gguf"
        multiple
        class="hidden-input"
        disabled={busy}
        aria-label={t('chooseFile')}
        onClick={(event) => {
          event.currentTarget.value = ''; // so that choosing the same file again is a change
        }}
        onChange={(event) => openFiles([...(event.currentTarget.files ?? [])])}
      />
    </label>
  );
}

function LinkForm({ busy }: { busy: boolean }) {
  const link = useSignal('');
  return (
    <form
      class="row"
      onSubmit={(event) => {
        event.preventDefault();
        openLink(link.value);
      }}
    >
      <input
        id="link"
        class="grow"
        inputMode="url"
        spellcheck={false}
        autocomplete="off"
        aria-label={t('linkLabel')}
        placeholder={t('linkHint')}
        value={link.value}
        onInput={(event) => {
          link.value = event.currentTarget.value;
        }}
      />
      <button type="submit" id="open" disabled={busy}>
        {t('open')}
      </button>
    </form>
  );
}

function StoredChoice() {
  if (stored.value.length === 0) return null;
  return (
    <section class="card" aria-labelledby="stored-title">
      <h2 id="stored-title">{t('storedTitle')}</h2>
      <ul class="list">
        {stored.value.map(({ key, name, byteLength, storedBytes }) => {
          const isWhole = storedBytes === byteLength;
          const [done, total] = [bytes(storedBytes), bytes(byteLength)];
          return (
            <li key={key}>
              <span class="grow clip" title={name}>
                {shortName(name)}
              </span>
              <span class="soft">{isWhole ? total : t('storedPart', { done, total })}</span>
              <Button onClick={() => openLink(name)}>{t(isWhole ? 'goOn' : 'resume')}</Button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

export function shortName(name: string): string {
  const last = name
    .replace(/[?#].*$/, '')
    .split('/')
    .at(-1)!;
  try {
    return decodeURIComponent(last) || name;
  } catch {
    return last; // a lone % is no escape
  }
}
