export * from './chat.ts';
export { ChatEncoder } from './encoder.ts';
export { ChatTemplateError } from './errors.ts';
export { parseJson } from './jinja/to_value.ts';
export { selectChatTemplate, type TemplateChoice, templateNames } from './select.ts';
export { ChatTemplate } from './template.ts';
export { ToolCallReader } from './tools/reader.ts';
export type { Tool, ToolCall, ToolCallDelta, ToolChoice, ValueOf } from './tools/tools.ts';
