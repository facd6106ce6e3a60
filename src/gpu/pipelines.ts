import type { Device } from './device.ts';
import { GpuError, scoped } from './errors.ts';
import type { Kernel } from './kernel.ts';
import { Pace } from './pace.ts';
import { type Binding, type ComposedShader, composeShader, numbered } from './wgsl.ts';

export interface CompiledKernel {
  readonly label: string;
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly bindings: readonly Binding[];
}

/** Compiles kernels, each source and each pipeline once per device; calls run in parallel. */
export class Pipelines {
  /** How long they take, for whoever submits them. */
  readonly pace = new Pace();
  readonly #device: Device;
  readonly #modules = new Map<string, Promise<GPUShaderModule>>();
  readonly #pipelines = new Map<string, Promise<CompiledKernel>>();
  /** By kernel, shape and variant: every layer asks for the same again, and composing a source is not free. */
  readonly #asked = new Map<object, Map<string, Promise<CompiledKernel>>>();

  constructor(device: Device) {
    this.#device = device;
  }

  compile<S extends object, V extends object>(kernel: Kernel<S, V>, shape: S, variant: V): Promise<CompiledKernel> {
    const asked = this.#asked.get(kernel) ?? new Map<string, Promise<CompiledKernel>>();
    this.#asked.set(kernel, asked);
    const key = JSON.stringify([shape, variant]);
    const compiled = asked.get(key) ?? this.#compose(kernel, shape, variant);
    asked.set(key, compiled);
    return compiled;
  }

  #compose<S extends object, V extends object>(kernel: Kernel<S, V>, shape: S, variant: V): Promise<CompiledKernel> {
    const label = `${kernel.name} ${describe(variant)}`.trim();
    let shader: ComposedShader;
    try {
      shader = composeShader(kernel.wgsl(shape, variant));
    } catch (error) {
      throw new GpuError(`kernel ${label}: its source could not be composed: ${(error as Error).message}`);
    }
    const constants = kernel.overrides(shape, variant);
    const key = JSON.stringify([constants, shader.code]);
    const known = this.#pipelines.get(key) ?? this.#compile(label, shader, constants);
    this.#pipelines.set(key, known);
    return known;
  }

  async #compile(label: string, shader: ComposedShader, constants: Readonly<Record<string, number>>) {
    const { gpu } = this.#device;
    try {
      const module = await this.#module(label, shader.code);
      const entries = shader.bindings.map(({ index, type }) => ({
        binding: index,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type },
      }));
      const layout = await scoped(gpu, 'bind group layout', () => gpu.createBindGroupLayout({ label, entries }));
      const pipeline = await gpu.createComputePipelineAsync({
        label,
        layout: gpu.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: 'main', constants },
      });
      return { label, pipeline, layout, bindings: shader.bindings };
    } catch (error) {
      this.#device.check();
      throw new GpuError(
        `kernel ${label} with ${JSON.stringify(constants)}: ${(error as Error).message}\n${numbered(shader.code)}`,
      );
    }
  }

  #module(label: string, code: string): Promise<GPUShaderModule> {
    const module = this.#modules.get(code) ?? this.#createModule(label, code);
    this.#modules.set(code, module);
    return module;
  }

  async #createModule(label: string, code: string): Promise<GPUShaderModule> {
    const { gpu } = this.#device;
    gpu.pushErrorScope('validation');
    const module = gpu.createShaderModule({ label, code });
    const failed = gpu.popErrorScope();
    const { messages } = await module.getCompilationInfo();
    const errors = messages.filter(({ type }) => type === 'error');
    if (errors.length > 0) throw new GpuError(errors.map((m) => `line ${m.lineNum}: ${m.message}`).join('; '));
    const error = await failed;
    if (error) throw new GpuError(error.message);
    return module;
  }
}

/** A shape or variant in a few words: `type=Q8_0 rows=64 subgroups`. */
export function describe(settings: object): string {
  const words = Object.entries(settings).flatMap(([key, value]) => {
    if (value === false || value === undefined) return [];
    return [value === true ? key : `${key}=${value}`];
  });
  return words.join(' ');
}
