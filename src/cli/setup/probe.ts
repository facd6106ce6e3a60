/**
 * Does WebGPU compute on this machine? Asked in a child process: Dawn loads the Vulkan loader once, so a process that
 * found no driver never finds the one installed later, and a driver may crash. Run as a script, this file is the child.
 */
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';

export type Probe = { readonly adapter: string } | { readonly problem: string };

const PROBE_TIMEOUT_MS = 60_000;
const self = fileURLToPath(import.meta.url);

/** Computes on the default adapter or, given its manifest, on the one Vulkan driver. Never rejects. */
export function probeAdapter(driverManifest?: string): Promise<Probe> {
  const env = {
    ...process.env,
    // The Vulkan loader complains on stderr without it.
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? tmpdir(),
    // Loaders before 1.3.207 know only the second name.
    ...(driverManifest && { VK_DRIVER_FILES: driverManifest, VK_ICD_FILENAMES: driverManifest }),
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [self], { env, timeout: PROBE_TIMEOUT_MS }, (error, stdout, stderr) => {
      const adapter = stdout.trim();
      resolve(error || adapter === '' ? { problem: problemLine(stderr, error) } : { adapter });
    });
  });
}

/** The child's error with Dawn's own reason, as one line. */
function problemLine(stderr: string, error: Error | null): string {
  const said = (kind: string) => stderr.split('\n').filter((line) => line.startsWith(`${kind}: `));
  const [problem = `Error: ${(error as { signal?: string } | null)?.signal ?? 'no answer'}`] = said('Error');
  const [reason] = said('Warning').filter((line) => !line.includes('artificially reduced'));
  return [problem, reason]
    .map((line) => line?.replace(/^\w+: /, '').trim())
    .filter(Boolean)
    .join(': ');
}

let instance: GPU | undefined;

/** Doubles 64 numbers: an adapter that is listed may still not compute. */
async function probeHere(): Promise<string> {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  // Kept until the process ends: Dawn crashes where the instance is collected before its devices.
  instance = create([]);
  const adapter = await instance.requestAdapter();
  if (!adapter) throw new Error('no WebGPU adapter');
  const device = await adapter.requestDevice();
  const input = Float32Array.from({ length: 64 }, (_, i) => i + 1);
  const output = await runDouble(device, input).finally(() => device.destroy());
  if (!output.every((value, i) => value === 2 * input[i]!)) throw new Error('the adapter computes wrong numbers');
  const { description, device: name } = adapter.info;
  return description || name || 'adapter without a name';
}

async function runDouble(device: GPUDevice, input: Float32Array<ArrayBuffer>): Promise<Float32Array> {
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { x[id.x] *= 2; }`;
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const x = device.createBuffer({ size: input.byteLength, usage: STORAGE | COPY_SRC | COPY_DST });
  const read = device.createBuffer({ size: input.byteLength, usage: MAP_READ | COPY_DST });
  const module = device.createShaderModule({ code });
  const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
  const entries = [{ binding: 0, resource: { buffer: x } }];
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
  pass.dispatchWorkgroups(1);
  pass.end();
  encoder.copyBufferToBuffer(x, 0, read, 0, input.byteLength);
  device.queue.writeBuffer(x, 0, input);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  return new Float32Array(read.getMappedRange().slice());
}

if (process.argv[1] === self) {
  try {
    console.log(await probeHere());
  } catch (error) {
    console.error(`Error: ${(error as Error).message.split('\n')[0]}`);
    process.exitCode = 1;
  }
}
