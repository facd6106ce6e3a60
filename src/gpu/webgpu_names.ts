/**
 * The names of WebGPU that the published types mention. Empty, they merge with whichever declarations a user's
 * TypeScript has, lib.dom's or @webgpu/types', and let a project for Node that has neither compile.
 */
export {};

declare global {
  interface GPU {}
  interface GPUAdapter {}
  interface GPUAdapterInfo {}
  interface GPUBindGroup {}
  interface GPUBindGroupLayout {}
  interface GPUBuffer {}
  interface GPUCommandEncoder {}
  interface GPUComputePipeline {}
  interface GPUDevice {}
}
