/** The worker of `webgguf/worker`, whose device a page can take away. */
import '../../src/worker/main.ts';
import { loseDevice, watchDevices } from './lose_device.ts';

watchDevices();
const channel = new BroadcastChannel('lose the device');
channel.onmessage = ({ data }) => {
  if (data !== 'now') return; // other workers answer in the same channel
  loseDevice();
  channel.postMessage('done');
};
