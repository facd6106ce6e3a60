/** Inside: memory, speed, kernels, GPU, self-test. */
import { useSignal } from '@preact/signals';
import { tokenTimes } from '../state/answer.ts';
import { deviceOptions } from '../state/device.ts';
import { inspection, llm, modelWorker } from '../state/session.ts';
import { showTrouble } from '../state/trouble.ts';
import { bytes, number, t } from '../text/index.ts';
import type { StepProfile } from '../worker/kernel_shares.ts';
import { Button } from './button.tsx';
import { MemoryBar } from './memory_bar.tsx';
import { SelfTest } from './self_test.tsx';
import { SpeedChart } from './speed_chart.tsx';

export function LookPanel() {
  const info = llm.value?.info;
  return (
    <>
      {info && (
        <section>
          <h3>{t('memory')}</h3>
          <p class="soft small">{t('gpuTotal', { bytes: bytes(info.gpuBytes) })}</p>
          <MemoryBar
            weightBytes={info.weightBytes}
            streamedBytes={info.bytesPerPass}
            kvBytes={info.kvBytes}
            gpuBytes={info.gpuBytes}
          />
          {info.streamedLayers > 0 && <Layers resident={info.residentLayers} streamed={info.streamedLayers} />}
        </section>
      )}
      <section>
        <h3>{t('speed')}</h3>
        <SpeedChart times={tokenTimes.value} />
      </section>
      {info && <Kernels />}
      <Gpu />
      <SelfTest />
    </>
  );
}

/** A square for each layer, spread as the plan spreads them. */
function Layers({ resident, streamed }: { resident: number; streamed: number }) {
  const all = resident + streamed;
  const stays = (i: number) => Math.floor(((i + 1) * resident) / all) > Math.floor((i * resident) / all);
  return (
    <div class="layers" aria-hidden="true">
      {Array.from({ length: all }, (_, i) => (
        <i key={i} class={stays(i) ? 'resident' : 'streamed'} />
      ))}
    </div>
  );
}

function Kernels() {
  const measured = useSignal<StepProfile | undefined>(undefined);
  const isBusy = useSignal(false);
  const hasClock =
    inspection.value && 'features' in inspection.value.gpu
      ? inspection.value.gpu.features.includes('timestamps')
      : false;
  const measure = async () => {
    isBusy.value = true;
    try {
      measured.value = await modelWorker()?.profile(deviceOptions);
    } catch (error) {
      showTrouble(error);
    }
    isBusy.value = false;
  };
  return (
    <section>
      <h3>{t('kernels')}</h3>
      {!hasClock && <p class="soft small">{t('kernelsNone')}</p>}
      {measured.value && <KernelList profile={measured.value} />}
      {hasClock && (
        <Button id="measure" disabled={isBusy.value} onClick={() => void measure()}>
          {t(isBusy.value ? 'kernelsBusy' : 'kernelsRun')}
        </Button>
      )}
    </section>
  );
}

function KernelList({ profile }: { profile: StepProfile }) {
  const [ms, rate] = [number(profile.milliseconds, 2), bytes(profile.copyBytesPerSecond)];
  const widest = Math.max(...profile.kernels.map(({ share }) => share));
  return (
    <>
      <p class="soft small">{t('kernelsNote', { ms, rate })}</p>
      <table class="kernels">
        <tbody>
          {profile.kernels.map(({ name, share, roofline, dispatches, milliseconds }) => (
            <tr key={name} title={`${dispatches} × · ${number(milliseconds, 3)} ms`}>
              <th scope="row">
                {name.split(' ')[0]}
                <span class="soft">{name.replace(/^\S+/, '')}</span>
              </th>
              <td>
                <span class="share" style={{ width: `${(100 * share) / widest}%` }} />
              </td>
              <td class="numbers">{number(100 * share, 1)} %</td>
              <td class="numbers soft">{number(100 * roofline, 1)} %</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

function Gpu() {
  const gpu = inspection.value?.gpu;
  if (!gpu || 'error' in gpu) return null;
  return (
    <section>
      <h3>{t('adapter')}</h3>
      <p>{gpu.adapter}</p>
      <p>
        <span class="soft">{t('features')}: </span>
        {gpu.features.length === 0 && t('none')}
        {gpu.features.map((name) => (
          <span key={name} class="chip">
            {name}
          </span>
        ))}
      </p>
      <details>
        <summary>{t('limits')}</summary>
        <dl class="limits small">
          {Object.entries(gpu.limits).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd class="numbers">{number(value)}</dd>
            </div>
          ))}
        </dl>
      </details>
    </section>
  );
}
