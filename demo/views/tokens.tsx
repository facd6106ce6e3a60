/** The model's own view: the prompt as it was given, the answer's tokens by how likely they were. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { llm, modelWorker } from '../state/session.ts';
import { showTrouble } from '../state/trouble.ts';
import { number, t } from '../text/index.ts';
import type { ScoredToken } from '../worker/main.ts';

/** What a token looks like where it shows nothing. */
const visible = (text: string) => text.replaceAll('\n', '⏎\n').replaceAll('\t', '⇥\t') || '∅';
function percent(logprob: number): string {
  const chance = 100 * Math.exp(logprob);
  return chance < 0.05 ? '< 0.1 %' : `${number(chance, 1)} %`;
}

export function PromptTokens({ prompt }: { prompt: readonly number[] }) {
  const pieces = useSignal<readonly { id: number; text: string }[]>([]);
  useEffect(() => {
    modelWorker()
      ?.pieces(prompt)
      .then((found) => {
        pieces.value = found;
      }, showTrouble);
  }, [prompt]);
  return (
    <figure class="raw">
      <figcaption class="soft small">{t('rawTitle', { n: number(prompt.length) })}</figcaption>
      <div class="tokens">
        {pieces.value.map(({ id, text }, i) => (
          <span key={i} class="token" title={String(id)}>
            {visible(text)}
          </span>
        ))}
      </div>
    </figure>
  );
}

export function ScoredTokens({ prompt, tokens }: { prompt: readonly number[]; tokens: readonly number[] }) {
  const scored = useSignal<readonly ScoredToken[]>([]);
  const shown = useSignal<ScoredToken | undefined>(undefined);
  useEffect(() => {
    if (!llm.value) return;
    const all = [...prompt, ...tokens].slice(0, llm.value.info.contextLength);
    modelWorker()
      ?.scores(all, prompt.length - 1)
      .then((found) => {
        scored.value = found;
      }, showTrouble);
  }, [prompt, tokens]);
  return (
    <figure class="raw scored">
      <figcaption class="soft small">
        {t('scoresTitle')}. {t('scoresHint')}
      </figcaption>
      <div class="tokens">
        {scored.value.map((token, i) => (
          <button
            key={i}
            type="button"
            class="token"
            style={{ '--doubt': Math.min(1, -token.logprob / 3).toFixed(2) }}
            aria-label={`${token.text} ${percent(token.logprob)}`}
            onMouseEnter={() => {
              shown.value = token;
            }}
            onFocus={() => {
              shown.value = token;
            }}
          >
            {visible(token.text)}
          </button>
        ))}
      </div>
      <Alternatives token={shown.value} />
    </figure>
  );
}

function Alternatives({ token }: { token: ScoredToken | undefined }) {
  if (!token) return <div class="alternatives" />;
  const others = token.top.some(({ id }) => id === token.id) ? token.top : [token, ...token.top];
  return (
    <table class="alternatives">
      <tbody>
        {others.map(({ id, text, logprob }) => (
          <tr key={id} class={id === token.id ? 'chosen' : ''}>
            <th scope="row">{visible(text)}</th>
            <td>
              <span class="probability" style={{ width: `${100 * Math.exp(logprob)}%` }} />
            </td>
            <td class="numbers">{percent(logprob)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
