/** A variant that costs the device while a model loads: the next device does without. */
import { expect, test, vi } from 'vitest';
import { Model } from '../../src/decoding/model.ts';
import type { Device } from '../../src/gpu/device.ts';
import { DeviceLostError, LostByTrialError } from '../../src/gpu/errors.ts';
import { noFindings } from '../../src/gpu/findings.ts';
import { FindingsCache } from '../../src/gpu/findings_cache.ts';
import { loadIn, type Runtime } from '../../src/llm/load.ts';
import { randomGguf } from '../fixtures/random_gguf.ts';

const deadly = 'mul_mat_vec lanes=1 invocations=64 pairs=1 dp4a';

function fakeDevice() {
  const info = { vendor: 'v', architecture: 'a', device: '', description: 'd' };
  return { info, features: {}, findings: noFindings(), destroy: vi.fn() } as unknown as Device;
}

/** A runtime of fake devices, and what became of a load that `loadModel` stands in for. */
async function loaded(loadModel: (device: Device) => never) {
  const devices: Device[] = [];
  const runtime: Runtime = {
    openGguf: () => randomGguf(),
    openDevice: async () => devices[devices.push(fakeDevice()) - 1] as Device,
    memoryBudget: () => undefined,
    findings: new FindingsCache(undefined, ''),
  };
  vi.spyOn(Model, 'load').mockImplementation(async (_header, device) => loadModel(device));
  const onWarning = vi.fn();
  const failure = await loadIn(runtime, 'model.gguf', { onWarning }).catch((error) => error);
  return { devices, failure, warnings: onWarning.mock.calls.flat() };
}

test('it is opened anew, with what was found, and that is told once', async () => {
  const known: string[][] = [];
  const { devices, failure, warnings } = await loaded((device) => {
    known.push([...device.findings.dropped.keys()]);
    if (device.findings.dropped.has(deadly)) throw new Error('the second load');
    device.findings.dropped.set(deadly, 'the device was lost while it ran');
    throw new LostByTrialError('the GPU device was lost (unknown): reset');
  });
  expect(failure.message).toBe('the second load');
  expect(known).toEqual([[], [deadly]]);
  expect(warnings).toEqual([`"${deadly}" does not run on this device from now on: the device was lost while it ran`]);
  for (const device of devices) expect(device.destroy).toHaveBeenCalledOnce();
});

test('a device that is lost otherwise is an error', async () => {
  const lost = new DeviceLostError('the GPU device was lost (unknown): unplugged');
  const { devices, failure } = await loaded(() => {
    throw lost;
  });
  expect(failure).toBe(lost);
  expect(devices).toHaveLength(1);
});
