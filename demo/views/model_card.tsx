/** A model before its weights are fetched: what it is, and how it would run on this GPU. */
import { useSignal } from '@preact/signals';
import type { Precision } from '../../src/index.ts';
import type { InspectedPlan } from '../../src/inspect/plan.ts';
import { choice, closeModel, inspection, loadChosen, storedBytes } from '../state/session.ts';
import { bytes, duration, number, parameters, t } from '../text/index.ts';
import type { Inspection } from '../worker/inspection.ts';
import { Button } from './button.tsx';
import { MemoryBar } from './memory_bar.tsx';

export function ModelCard() {
  const model = inspection.value!;
  const contextLength = useSignal('');
  const precision = useSignal<Precision>('fast');
  const load = () => {
    const context = Number(contextLength.value);
    void loadChosen({ precision: precision.value, ...(context > 0 && { contextLength: Math.floor(context) }) });
  };
  return (
    <section class="card model" aria-labelledby="model-name">
      <h1 id="model-name">{model.name}</h1>
      <dl class="facts">
        <Fact term={t('parameters')}>{parameters(model.parameterCount)}</Fact>
        <Fact term={t('types')}>{model.types.map(({ type }) => type).join(', ')}</Fact>
        <Fact term={t('size')}>
          {bytes(model.byteLength)}
          {model.fileCount > 1 && `, ${t('files', { n: model.fileCount })}`}
        </Fact>
        <Fact term={t('context')}>
          {model.contextLength ? t('tokens', { n: number(model.contextLength) }) : t('notStated')}
        </Fact>
        <Fact term={t('licence')}>{model.license ?? t('notStated')}</Fact>
        <Fact term={t('architecture')}>{model.architecture}</Fact>
      </dl>
      <Verdict model={model} />
      {isRunnable(model) && (
        <details>
          <summary>{t('advanced')}</summary>
          <div class="fields">
            <label>
              {t('contextOption')}
              <input
                id="context-length"
                type="number"
                min="1"
                max={model.contextLength}
                placeholder={planOf(model)?.contextLength.toString()}
                value={contextLength.value}
                onInput={(event) => {
                  contextLength.value = event.currentTarget.value;
                }}
              />
            </label>
            <label>
              {t('precisionOption')}
              <select
                id="precision"
                value={precision.value}
                onChange={(event) => {
                  precision.value = event.currentTarget.value as Precision;
                }}
              >
                <option value="fast">{t('fast')}</option>
                <option value="exact">{t('exact')}</option>
              </select>
            </label>
          </div>
        </details>
      )}
      <div class="row end">
        <Button id="back" onClick={() => void closeModel()}>
          {t('back')}
        </Button>
        {isRunnable(model) && (
          <Button id="load" kind="primary" onClick={load}>
            {loadText(model)}
          </Button>
        )}
      </div>
      {isRunnable(model) && choice.value?.kind === 'link' && <p class="soft small">{t('keptNote')}</p>}
    </section>
  );
}

function loadText({ byteLength }: Inspection): string {
  if (choice.value?.kind !== 'link' || storedBytes.value === byteLength) return t('load');
  const size = bytes(byteLength - storedBytes.value);
  return t(storedBytes.value > 0 ? 'resumeDownload' : 'loadDownload', { size });
}

function Fact({ term, children }: { term: string; children: preact.ComponentChildren }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function planOf({ plan }: Inspection): InspectedPlan | undefined {
  return plan && !('error' in plan) ? plan : undefined;
}

const isRunnable = (model: Inspection): boolean =>
  model.obstacle === null && !('error' in model.gpu) && planOf(model) !== undefined;

function Verdict({ model }: { model: Inspection }) {
  const plan = planOf(model);
  return (
    <div class={`verdict ${isRunnable(model) ? 'good' : 'bad'}`}>
      <h2>{t('runs')}</h2>
      <p id="verdict">
        <strong>{verdictText(model)}</strong>
      </p>
      {model.obstacle !== null && <p class="soft">{t('unsupportedWay')}</p>}
      {model.plan && 'error' in model.plan && <p class="soft">{t('memoryWay')}</p>}
      {isRunnable(model) && plan && (
        <>
          <MemoryBar
            weightBytes={plan.weightBytes}
            streamedBytes={'link' in plan ? plan.bytesPerPass : 0}
            kvBytes={plan.kvBytes}
            gpuBytes={plan.gpuBytes}
          />
          <p class="soft">
            {t('needs', { bytes: bytes(plan.gpuBytes), context: number(plan.contextLength) })}
            {'link' in plan && plan.link && `; ${streamNote(plan)}`}
          </p>
        </>
      )}
      {'adapter' in model.gpu && <p class="soft small">{model.gpu.adapter}</p>}
    </div>
  );
}

function verdictText(model: Inspection): string {
  if (model.obstacle !== null) return t('cannotRun', { why: model.obstacle });
  if ('error' in model.gpu) return t('noGpu', { why: model.gpu.error });
  const { plan } = model;
  if (!plan || 'error' in plan) return t('tooLarge', { why: plan?.error ?? '' });
  const layers = plan.residentLayers + plan.streamedLayers;
  if (!('secondsPerPass' in plan) || plan.secondsPerPass === undefined) return t('fits', { layers });
  return t('streams', { resident: plan.residentLayers, layers, time: duration(plan.secondsPerPass) });
}

function streamNote(plan: Extract<InspectedPlan, { estimated: false }>): string {
  const { bytesPerSecond, readBytes } = plan.link!;
  const how = t(readBytes > 0 ? 'measured' : 'assumed');
  return t('streamsNote', { rate: bytes(bytesPerSecond), how, chunk: number(plan.chunkLength) });
}
