/**
 * Subgroup matrices in plain WGSL, for adapters that have none: every invocation of a subgroup holds all of a matrix, in a
 * pool of its own; what the kernel names is where. Slow, but the arithmetic, the places and the barriers are the kernel's.
 */
const directives =
  /^(enable (chromium_experimental_subgroup_matrix|subgroup_size_control)|diagnostic\(off, chromium)[^;]*;\n/gm;
const alias = /^alias (Left|Right|Sums) = .*$/gm;
const zeros = /(\w+) = Sums\(\)/g;
const loads = /(\w+) = subgroupMatrixLoad<(Left|Right|Sums), (row|col)_major>\(&(\w+), /g;
const stores = /subgroupMatrixStore<row_major>\(&(\w+), /g;

interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Of a kernel whose matrices are sums into themselves, as `a = subgroupMatrixMultiplyAccumulate(…, …, a)`. */
export function emulateMatrices(source: string, { m, n, k }: Shape): string {
  const sides = { Left: [m, k], Right: [k, n], Sums: [m, n] } as const;
  const largest = Math.max(m * k, k * n, m * n);
  const names: string[] = [];
  const place = (name: string) => {
    if (!names.includes(name)) names.push(name);
    return names.indexOf(name) * largest;
  };
  const functions = new Set<string>();
  const body = source
    .replace(directives, '')
    .replace(/@subgroup_size\(\d+\)/g, '')
    .replace(alias, 'alias $1 = u32;')
    .replace(zeros, (_, name: string) => `${name} = zero(${place(name)}u)`)
    .replace(loads, (_, name: string, type: keyof typeof sides, major: string, array: string) => {
      const [rows, columns] = sides[type];
      const element =
        major === 'row' ? `i / ${columns}u * stride + i % ${columns}u` : `i % ${columns}u * stride + i / ${columns}u`;
      functions.add(`
fn load_${type}_${major}_${array}(place: u32, offset: u32, stride: u32) -> u32 {
  for (var i = 0u; i < not_constant(${rows * columns}u); i++) { pool[place + i] = f32(${array}[offset + ${element}]); }
  return place;
}`);
      return `${name} = load_${type}_${major}_${array}(${place(name)}u, `;
    })
    .replace(stores, (_, array: string) => {
      functions.add(`
fn store_${array}(offset: u32, sums: u32, stride: u32) {
  for (var i = 0u; i < not_constant(${m * n}u); i++) { ${array}[offset + i / ${n}u * stride + i % ${n}u] = pool[sums + i]; }
}`);
      return `store_${array}(`;
    })
    .replaceAll('subgroupMatrixMultiplyAccumulate', 'multiply_accumulate');
  return `${body}
var<private> pool: array<f32, ${names.length * largest}>;

fn zero(place: u32) -> u32 {
  for (var i = 0u; i < not_constant(${m * n}u); i++) { pool[place + i] = 0.0; }
  return place;
}
fn multiply_accumulate(left: u32, right: u32, sums: u32) -> u32 {
  for (var i = 0u; i < not_constant(${m * n}u); i++) {
    var sum = pool[sums + i];
    for (var l = 0u; l < not_constant(${k}u); l++) {
      sum += pool[left + i / ${n}u * ${k}u + l] * pool[right + l * ${n}u + i % ${n}u];
    }
    pool[sums + i] = sum;
  }
  return sums;
}
${[...functions].join('\n')}
`;
}
