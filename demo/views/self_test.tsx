/** What `webgguf doctor` does, here: in a worker of its own. */
import { signal } from '@preact/signals';
import { deviceOptions } from '../state/device.ts';
import { pocketBytes } from '../state/session.ts';
import { showTrouble } from '../state/trouble.ts';
import { t } from '../text/index.ts';
import { ModelWorker } from '../worker/client.ts';
import type { SelfTestLine } from '../worker/self_test.ts';
import { Button } from './button.tsx';

/** It goes on while the panel is closed. */
const lines = signal<readonly SelfTestLine[]>([]);
const running = signal<AbortController | undefined>(undefined);
const isDone = signal(false);

async function run(): Promise<void> {
  const controller = new AbortController();
  running.value = controller;
  lines.value = [];
  isDone.value = false;
  const worker = new ModelWorker();
  try {
    const stream = worker.selfTest(await pocketBytes(), { signal: controller.signal, deviceOptions });
    for await (const line of stream) lines.value = [...lines.value, line];
    isDone.value = true;
  } catch (error) {
    if (!controller.signal.aborted) showTrouble(error);
  } finally {
    worker.close();
    running.value = undefined;
  }
}

export function SelfTest() {
  const isRight = lines.value.every(({ right, total }) => right === total);
  return (
    <section>
      <h3>{t('selfTest')}</h3>
      <p class="soft small">{t('selfTestNote')}</p>
      <ul class="self-test" role="log" aria-label={t('selfTest')}>
        {lines.value.map(({ name, right, total, failures }) => (
          <li key={name} class={right === total ? 'good' : 'bad'}>
            <span class="grow">{name}</span>
            <span class="numbers soft">{t('selfTestRight', { right, total })}</span>
            {failures.slice(0, 3).map((failure) => (
              <code key={failure}>{failure}</code>
            ))}
          </li>
        ))}
      </ul>
      {isDone.value && <p role="status">{t(isRight ? 'selfTestDone' : 'selfTestBroken')}</p>}
      {running.value ? (
        <Button onClick={() => running.value?.abort()}>{t('stop')}</Button>
      ) : (
        <Button id="self-test" onClick={() => void run()}>
          {t('selfTestRun')}
        </Button>
      )}
    </section>
  );
}
