/** One `var<storage…>` or `var<uniform>` of a kernel, found in its source. */
export interface Binding {
  readonly name: string;
  readonly index: number;
  readonly type: GPUBufferBindingType;
  /** Whether it is declared to hold f32, alone or in vectors. */
  readonly isF32: boolean;
}

export interface ComposedShader {
  readonly code: string;
  readonly bindings: readonly Binding[];
}

const bindingPattern = /^var<(storage|uniform)(?:\s*,\s*(read|read_write))?>\s+(\w+)(?=\s*:([^;]*))/gm;
const directivePattern = /^(?:enable|requires|diagnostic)\b[^;]*;[^\n]*\n/gm;

/**
 * Makes one shader of a kernel's parts. Parts state their buffers as plain `var<storage, read> name: …;`, without
 * numbers: `@group` and `@binding` are added here in order of appearance. Directives move to the top, once each.
 */
export function composeShader(source: string): ComposedShader {
  const directives = new Set(Array.from(source.matchAll(directivePattern), ([line]) => line.trim()));
  const bindings: Binding[] = [];
  const body = source.replace(directivePattern, '').replace(bindingPattern, (declaration, space, access, name, of) => {
    const index = bindings.length;
    bindings.push({ name, index, type: bindingType(space, access), isF32: /\bf32\b/.test(of) });
    return `@group(0) @binding(${index}) ${declaration}`;
  });
  const code = [...directives, body.trim()].join('\n').replace(/\n{3,}/g, '\n\n');
  return { code, bindings };
}

function bindingType(space: string, access: string | undefined): GPUBufferBindingType {
  if (space === 'uniform') return 'uniform';
  return access === 'read_write' ? 'storage' : 'read-only-storage';
}

/** The source as error messages show it: a number before each line, as compilers count. */
export function numbered(code: string): string {
  const lines = code.split('\n');
  const width = String(lines.length).length;
  return lines.map((line, i) => `${String(i + 1).padStart(width)}  ${line}`).join('\n');
}
