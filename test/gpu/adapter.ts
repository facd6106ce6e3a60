import { afterAll } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { type NodeDeviceOptions, openNodeDevice } from '../../src/runtime/node.ts';

/** The software adapter that this run is about; a missing one fails every test. */
export const adapterName = process.env.WEBGGUF_ADAPTER ?? 'the default';
const descriptions: Readonly<Record<string, string>> = { lavapipe: 'llvmpipe', swiftshader: 'swiftshader' };

const opened: Device[] = [];
afterAll(() => {
  for (const device of opened) device.destroy();
});

/** Opens the adapter under test; closed when the file's tests are done. */
export async function openTestDevice(options: NodeDeviceOptions = {}): Promise<Device> {
  const description = descriptions[adapterName];
  const device = await openNodeDevice({ ...(description && { adapter: description }), ...options });
  opened.push(device);
  return device;
}
