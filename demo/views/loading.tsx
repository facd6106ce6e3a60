import { cancel, choice, inspection, loading } from '../state/session.ts';
import { bytes, duration, t } from '../text/index.ts';
import { Button } from './button.tsx';

export function Loading() {
  const { stage, doneBytes, totalBytes, bytesPerSecond } = loading.value!;
  const left = totalBytes !== undefined && bytesPerSecond > 0 ? (totalBytes - doneBytes) / bytesPerSecond : undefined;
  const parts = [
    totalBytes !== undefined && t('ofBytes', { done: bytes(doneBytes), total: bytes(totalBytes) }),
    bytesPerSecond > 0 && t('perSecond', { rate: bytes(bytesPerSecond) }),
    left !== undefined && left > 1 && t('timeLeft', { time: duration(left) }),
  ].filter(Boolean);
  return (
    <section class="card" aria-labelledby="loading-title">
      <h1 id="loading-title">{t('loadingTitle', { name: inspection.value?.name ?? choice.value?.name ?? '' })}</h1>
      <p role="status">{t(stage === 'start' ? 'starting' : stage)}</p>
      <progress aria-labelledby="loading-title" max={1} {...(totalBytes ? { value: doneBytes / totalBytes } : {})} />
      <p class="soft numbers" id="loading-numbers">
        {parts.join(' · ') || '\u00a0'}
      </p>
      <div class="row end">
        {stage === 'download' && <span class="soft small grow">{t('cancelNote')}</span>}
        <Button id="cancel" onClick={cancel}>
          {t('cancel')}
        </Button>
      </div>
    </section>
  );
}
