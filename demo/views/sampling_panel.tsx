/** How the model answers, and how the page looks. */
import { changeChat, chat } from '../state/chats.ts';
import { type Numbers, numbers, recommended, type Theme, theme } from '../state/settings.ts';
import { type Language, language, languages, speak, t } from '../text/index.ts';
import { Button } from './button.tsx';

const fields = [
  { name: 'temperature', min: 0, step: 0.05 },
  { name: 'topP', min: 0, max: 1, step: 0.01 },
  { name: 'topK', min: 0, step: 1 },
  { name: 'minP', min: 0, max: 1, step: 0.01 },
  { name: 'repeatPenalty', min: 0.01, step: 0.05 },
  { name: 'repeatLastN', min: -1, step: 1 },
  { name: 'maxTokens', min: 1, step: 1 },
  { name: 'seed', min: 0, max: 2 ** 32 - 1, step: 1 },
] as const;

export function SamplingPanel() {
  return (
    <>
      <label>
        {t('system')}
        <textarea
          id="system"
          rows={3}
          placeholder={t('systemHint')}
          value={chat.value.system}
          onChange={(event) => void changeChat({ system: event.currentTarget.value })}
        />
      </label>
      <div class="fields">
        {fields.map((field) => (
          <NumberField key={field.name} {...field} />
        ))}
      </div>
      <Button
        onClick={() => {
          numbers.value = recommended.value;
        }}
      >
        {t('recommended')}
      </Button>
      <PageSettings />
    </>
  );
}

interface FieldProps {
  readonly name: keyof Numbers;
  readonly min: number;
  readonly max?: number;
  readonly step: number;
}

function NumberField({ name, min, max = Number.MAX_SAFE_INTEGER, step }: FieldProps) {
  const value = numbers.value[name];
  const change = (text: string) => {
    const wanted = text === '' ? undefined : Math.min(max, Math.max(min, Number(text)));
    const rounded = wanted !== undefined && step === 1 ? Math.round(wanted) : wanted;
    numbers.value = { ...numbers.value, [name]: rounded ?? recommended.value[name] };
  };
  return (
    <label>
      {t(name)}
      <input
        id={name}
        type="number"
        min={min}
        max={max}
        step={step}
        value={value ?? ''}
        placeholder={name === 'seed' ? t('random') : undefined}
        onChange={(event) => change(event.currentTarget.value)}
      />
    </label>
  );
}

function PageSettings() {
  return (
    <div class="fields page-settings">
      <label>
        {t('language')}
        <select id="language" value={language.value} onChange={(event) => speak(event.currentTarget.value as Language)}>
          {languages.map(([name, own]) => (
            <option key={name} value={name} lang={name}>
              {own}
            </option>
          ))}
        </select>
      </label>
      <label>
        {t('theme')}
        <select
          id="theme"
          value={theme.value}
          onChange={(event) => {
            theme.value = event.currentTarget.value as Theme;
          }}
        >
          <option value="system">{t('system_theme')}</option>
          <option value="light">{t('light')}</option>
          <option value="dark">{t('dark')}</option>
        </select>
      </label>
    </div>
  );
}
