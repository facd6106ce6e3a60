/** Lets a test lose the device that was opened last: import it before anything opens one. */
let last: GPUDevice | undefined;

/** Call once WebGPU's classes are there. */
export function watchDevices(): void {
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = async function (this: GPUAdapter, ...args) {
    last = await requestDevice.apply(this, args);
    return last;
  };
}

export function loseDevice(): void {
  last?.destroy();
}
