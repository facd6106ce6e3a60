/**
 * A model behind OpenAI's API, as an app on web standards: `createApp(service).fetch` goes wherever requests come.
 *
 * @module webgguf/server
 */
export { createApp } from './app.ts';
export { type Log, stderrLog } from './log.ts';
export type { ServedModel } from './model.ts';
export { type ServerOptions, Service } from './service.ts';
export type { SlotStore } from './slots.ts';
