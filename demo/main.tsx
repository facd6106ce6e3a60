/** The playground: any GGUF in a browser tab. */
import { render } from 'preact';
import { readChats } from './state/chats.ts';
import { refreshStored } from './state/stored.ts';
import { showTrouble } from './state/trouble.ts';
import './style/base.css';
import './style/layout.css';
import './style/chat.css';
import './style/panels.css';
import { trustedScriptUrl } from './trusted_types.ts';
import { App } from './views/app.tsx';

render(<App />, document.getElementById('app')!);

if (!navigator.gpu) showTrouble(new Error('no WebGPU adapter found: navigator.gpu is missing'));
void readChats();
void refreshStored();

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  const script = trustedScriptUrl(new URL('service_worker.js', document.baseURI).href);
  navigator.serviceWorker.register(script).catch(() => undefined); // without it the page works, with a network
}
