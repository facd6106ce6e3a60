/** The GPU's memory as a picture: what stays, what comes and goes, what a conversation takes. */
import { bytes, t } from '../text/index.ts';

interface Props {
  readonly weightBytes: number;
  readonly streamedBytes: number;
  readonly kvBytes: number;
  readonly gpuBytes: number;
}

export function MemoryBar({ weightBytes, streamedBytes, kvBytes, gpuBytes }: Props) {
  const work = Math.max(0, gpuBytes - weightBytes - kvBytes);
  const parts = [
    { name: 'resident', count: weightBytes, text: t('resident') },
    { name: 'kv', count: kvBytes, text: t('kv') },
    { name: 'work', count: work, text: t('work') },
  ] as const;
  const total = gpuBytes + streamedBytes;
  return (
    <figure class="memory">
      <div class="picture" aria-hidden="true">
        {parts.map(({ name, count }) => (
          <span key={name} class={name} style={{ flexGrow: count / total }} />
        ))}
        {streamedBytes > 0 && <span class="streamed" style={{ flexGrow: streamedBytes / total }} />}
      </div>
      <figcaption>
        <ul class="legend">
          {parts.map(({ name, count, text }) => (
            <li key={name} class={name}>
              {text} <b>{bytes(count)}</b>
            </li>
          ))}
          {streamedBytes > 0 && (
            <li class="streamed">
              {t('streamedWeights')} <b>{bytes(streamedBytes)}</b>
            </li>
          )}
        </ul>
      </figcaption>
    </figure>
  );
}
