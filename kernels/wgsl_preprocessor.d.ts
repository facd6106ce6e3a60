// The package names no entry point of its own, so its one file is imported by path.
declare module 'wgsl-preprocessor/wgsl-preprocessor.js' {
  /** Template tag with `#if ${…}`, `#elif ${…}`, `#else` and `#endif` on lines of their own. */
  export function wgsl(strings: TemplateStringsArray, ...values: unknown[]): string;
}
