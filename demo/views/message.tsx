/** What was said, and what can be done with it. */
import { useSignal } from '@preact/signals';
import { edit, regenerate } from '../state/answer.ts';
import type { AnswerStats, Message } from '../state/chats.ts';
import { llm } from '../state/session.ts';
import { showTrouble } from '../state/trouble.ts';
import { duration, number, t } from '../text/index.ts';
import { Button } from './button.tsx';
import { Markdown } from './markdown.tsx';
import { PromptTokens, ScoredTokens } from './tokens.tsx';

export function Question({ index, content }: { index: number; content: string }) {
  const edited = useSignal<string | undefined>(undefined);
  const ask = () => {
    const text = edited.value?.trim();
    edited.value = undefined;
    if (text) void edit(index, text);
  };
  if (edited.value !== undefined) {
    return (
      <article class="question editing" aria-label={t('you')}>
        <textarea
          rows={3}
          aria-label={t('edit')}
          value={edited.value}
          onInput={(event) => {
            edited.value = event.currentTarget.value;
          }}
        />
        <div class="row end">
          <Button
            onClick={() => {
              edited.value = undefined;
            }}
          >
            {t('cancel')}
          </Button>
          <Button kind="primary" onClick={ask}>
            {t('save')}
          </Button>
        </div>
      </article>
    );
  }
  return (
    <article class="question" aria-label={t('you')}>
      <p class="said">{content}</p>
      <div class="actions">
        <CopyButton text={content} />
        <Button
          icon="edit"
          kind="quiet"
          label={t('edit')}
          onClick={() => {
            edited.value = content;
          }}
        />
      </div>
    </article>
  );
}

interface AnswerProps {
  readonly message: Message;
  readonly isLast: boolean;
  readonly isComing?: boolean;
}

export function Answer({ message, isLast, isComing = false }: AnswerProps) {
  const view = useSignal<'text' | 'tokens' | 'prompt'>('text');
  const toggle = (wanted: 'tokens' | 'prompt') => () => {
    view.value = view.value === wanted ? 'text' : wanted;
  };
  const { content, tokens = [], prompt = [], stats } = message;
  const hasTokens = tokens.length > 0 && stats?.model === llm.value?.info.name; // of this model's vocabulary
  return (
    <article class="answer" aria-label={t('model')} aria-busy={isComing}>
      {view.value === 'prompt' && <PromptTokens prompt={prompt} />}
      {view.value === 'tokens' ? (
        <ScoredTokens prompt={prompt} tokens={tokens} />
      ) : content || !isComing ? (
        <Markdown text={content} />
      ) : (
        <p class="thinking" aria-hidden="true">
          <i />
          <i />
          <i />
        </p>
      )}
      {!isComing && (
        <div class="actions">
          <CopyButton text={content} />
          {isLast && <Button icon="again" kind="quiet" label={t('regenerate')} onClick={() => void regenerate()} />}
          {hasTokens && (
            <>
              <Button
                icon="tokens"
                kind="quiet"
                label={t('tokensView')}
                pressed={view.value === 'tokens'}
                onClick={toggle('tokens')}
              />
              <Button
                icon="prompt"
                kind="quiet"
                label={t('promptView')}
                pressed={view.value === 'prompt'}
                onClick={toggle('prompt')}
              />
            </>
          )}
          {stats && <span class="stats soft small">{statsText(stats)}</span>}
        </div>
      )}
    </article>
  );
}

function statsText({ tokens, tokensPerSecond, firstTokenMs, tokensPerPass, stopReason }: AnswerStats): string {
  const first = duration(firstTokenMs / 1000);
  const parts = [t('answered', { tokens, rate: number(tokensPerSecond, 1), first })];
  if (tokensPerPass > 1) parts.push(t('perPass', { n: number(tokensPerPass, 1) }));
  if (stopReason === 'abort') parts.push(t('stopped'));
  if (stopReason === 'length') parts.push(t('cutOff'));
  return parts.join(' · ');
}

const copiedMs = 1500;

function CopyButton({ text }: { text: string }) {
  const isCopied = useSignal(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch (error) {
      return showTrouble(error); // the browser may ask, and be told no
    }
    isCopied.value = true;
    setTimeout(() => {
      isCopied.value = false;
    }, copiedMs);
  };
  return (
    <>
      <Button icon="copy" kind="quiet" label={t(isCopied.value ? 'copied' : 'copy')} onClick={() => void copy()} />
      <span role="status" class="visually-hidden">
        {isCopied.value && t('copied')}
      </span>
    </>
  );
}
