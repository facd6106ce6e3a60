/** Whose memory an adapter computes in, as far as its name tells; the only place that knows adapters by name. */

/** Chips beside whose CPU there is no other memory, as browsers name their makers and as PCI numbers them. */
const sharedVendors = [
  /^(apple|arm|broadcom|imagination|img-tec|qualcomm|samsung)$/,
  /^(4112|4203|5045|5197|5348|20803)$/, // 0x1010, 0x106b, 0x13b5, 0x144d, 0x14e4, 0x5143: what wgpu says
];
/** Intel's GPUs are on the CPU's chip, but for those on cards. */
const intel = /^(intel|32902)$/;
const intelCards = /hp[gc]|gen-12-hp|\barc\b.*\b[ab]\d{3}/;
const sharedNames =
  /apple m\d|llvmpipe|swiftshader|basic render|tegra|\borin\b|gb10|radeon(\(tm\))? (graphics|\d{3}m|vega \d)/;

/** Drivers that compute on the CPU: lanes are few there, and barriers dear. */
const cpuNames = /llvmpipe|swiftshader|basic render/;

/** Whether it is the CPU itself. */
export function computesOnCpu({ architecture, description, isFallbackAdapter }: GPUAdapterInfo): boolean {
  return isFallbackAdapter || cpuNames.test(`${architecture} ${description}`.toLowerCase());
}

/** Whether its memory is the system's: it is the CPU itself, or sits on its chip. Unknown adapters are cards. */
export function sharesSystemMemory({ vendor, architecture, description, isFallbackAdapter }: GPUAdapterInfo): boolean {
  const name = `${architecture} ${description}`.toLowerCase();
  const maker = vendor.toLowerCase();
  if (isFallbackAdapter || sharedNames.test(name)) return true;
  if (intel.test(maker)) return !intelCards.test(name);
  return sharedVendors.some((vendors) => vendors.test(maker));
}
