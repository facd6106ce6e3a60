/** What went wrong, in a sentence, and the way on. */
import { closeModel, llm } from '../state/session.ts';
import { panel } from '../state/settings.ts';
import { dismissNotice, type Notice, notices, type TroubleKind, trouble } from '../state/trouble.ts';
import type { Text } from '../text/en.ts';
import { t } from '../text/index.ts';
import { Button } from './button.tsx';
import { Icon } from './icons.tsx';

/** A sentence, and what to do. */
const texts: Readonly<Record<TroubleKind, readonly [what: keyof Text, way: keyof Text]>> = {
  noWebGpu: ['noWebGpu', 'noWebGpuWay'],
  noAdapter: ['noAdapter', 'noAdapterWay'],
  memory: ['memoryTrouble', 'memoryWay'],
  lost: ['lost', 'lostWay'],
  storageFull: ['storageFull', 'storageFullWay'],
  busy: ['busy', 'busyWay'],
  network: ['network', 'networkWay'],
  gated: ['gated', 'gatedWay'],
  notFound: ['notFound', 'notFoundWay'],
  unsupported: ['unsupported', 'unsupportedWay'],
  badFile: ['badFile', 'badFileWay'],
  contextFull: ['contextFull', 'contextFullWay'],
  template: ['template', 'templateWay'],
  worker: ['worker', 'workerWay'],
  other: ['other', 'otherWay'],
};
/** After these nothing is left of the model. */
const ends: ReadonlySet<TroubleKind> = new Set(['lost', 'worker']);

export function TroubleBox() {
  const now = trouble.value;
  if (!now) return null;
  const [what, way] = texts[now.kind];
  return (
    <div class="trouble" role="alert" data-kind={now.kind}>
      <Icon name="warning" />
      <div class="grow">
        <strong>{t(what)}</strong>
        <p>{t(way)}</p>
        <details>
          <summary>{t('details')}</summary>
          <code>{now.detail}</code>
        </details>
      </div>
      <div class="row end">
        {now.kind === 'storageFull' && (
          <Button
            onClick={() => {
              panel.value = 'storage';
            }}
          >
            {t('storage')}
          </Button>
        )}
        {ends.has(now.kind) && llm.value && <Button onClick={() => void closeModel()}>{t('back')}</Button>}
        {now.retry && <Button onClick={now.retry}>{t('tryAgain')}</Button>}
        <Button
          icon="close"
          kind="quiet"
          label={t('dismiss')}
          onClick={() => {
            trouble.value = undefined;
          }}
        />
      </div>
    </div>
  );
}

const noticeTexts: Readonly<Record<Notice['kind'], keyof Text>> = {
  software: 'softwareNotice',
  noRange: 'noRangeNotice',
  reloaded: 'reloadedNotice',
  repaired: 'repairedNotice',
  waiting: 'waitingNotice',
  background: 'backgroundNotice',
  other: 'otherNotice',
};

export function Notices() {
  return (
    <div role="status" class="notices">
      {notices.value.map(({ kind, detail }) => (
        <p key={kind} class="notice" data-kind={kind}>
          <span class="grow">{t(noticeTexts[kind], { detail })}</span>
          <Button icon="close" kind="quiet" label={t('dismiss')} onClick={() => dismissNotice(kind)} />
        </p>
      ))}
    </div>
  );
}
