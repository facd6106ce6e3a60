export type { Constraint } from './constraint.ts';
export { GrammarError } from './errors.ts';
export { Grammars } from './grammars.ts';
export { checkGrammar, type GrammarOptions, type JsonSchema, type ResponseFormat } from './options.ts';
export { callMarkers, type ToolCallForm, type ToolFunction, type ToolUse } from './tool_calls.ts';
