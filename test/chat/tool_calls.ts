/** Answers that call tools, as models of each family write them: recorded, and what they say. */

export const tools = [
  {
    name: 'get_weather',
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' }, days: { type: 'integer' }, note: { type: 'string' } },
      required: ['city'],
    },
  },
  {
    name: 'add',
    parameters: { type: 'object', properties: { a: { type: 'number' }, b: { type: 'number' } }, required: ['a', 'b'] },
  },
];

export interface Recorded {
  readonly form: string;
  readonly answer: string;
  readonly text: string;
  readonly calls: readonly (readonly [name: string, args: unknown])[];
}

const bilbao = ['get_weather', { city: 'Bilbao' }] as const;
const sum = ['add', { a: 1, b: 2.5 }] as const;

export const recorded: readonly Recorded[] = [
  { form: 'no call', answer: 'It is <b>sunny</b> in [Bilbao]. ', text: 'It is <b>sunny</b> in [Bilbao]. ', calls: [] },
  {
    form: 'hermes',
    answer: '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Bilbao"}}\n</tool_call>',
    text: '',
    calls: [bilbao],
  },
  {
    form: 'hermes, with text and two calls',
    answer:
      'Let me look.\n\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Bilbao"}}\n</tool_call>\n<tool_call>\n{"arguments": {"a": 1, "b": 2.5}, "name": "add"}\n</tool_call>',
    text: 'Let me look.',
    calls: [bilbao, sum],
  },
  {
    form: 'hermes, awkward strings',
    answer:
      '<tool_call>{"name":"get_weather","arguments":{"city":"Pe\\u00f1a \\"}</tool_call>\\\\","note":"<tool_call>{[é😀"}}</tool_call>',
    text: '',
    calls: [['get_weather', { city: 'Peña "}</tool_call>\\', note: '<tool_call>{[é😀' }]],
  },
  {
    form: 'hermes, arguments as a string',
    answer: '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1, \\"b\\": 2.5}"}</tool_call>',
    text: '',
    calls: [sum],
  },
  {
    form: 'hermes, no arguments',
    answer: '<tool_call>\n{"name": "now"}\n</tool_call>',
    text: '',
    calls: [['now', {}]],
  },
  {
    form: 'hermes, broken',
    answer: 'a <tool_call>\nnot json</tool_call>',
    text: 'a <tool_call>\nnot json</tool_call>',
    calls: [],
  },
  {
    form: 'hermes, unclosed',
    answer: '<tool_call>\n{"name": "add", "arguments": {"a": 1, "b": 2.5}}',
    text: '',
    calls: [sum],
  },
  { form: 'llama 3', answer: '{"name": "get_weather", "parameters": {"city": "Bilbao"}}', text: '', calls: [bilbao] },
  {
    form: 'llama 3, marked, two',
    answer:
      '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Bilbao"}}; {"name": "add", "parameters": {"a": 1, "b": 2.5}}',
    text: '',
    calls: [bilbao, sum],
  },
  {
    form: 'llama 3, with its type',
    answer: '{"type": "function", "name": "add", "parameters": {"a": 1, "b": 2.5}}',
    text: '',
    calls: [sum],
  },
  {
    form: 'llama 3.1, tagged',
    answer: '<function=get_weather>{"city": "Bilbao"}</function>',
    text: '',
    calls: [bilbao],
  },
  {
    form: 'mistral',
    answer:
      '[TOOL_CALLS] [{"name": "get_weather", "arguments": {"city": "Bilbao"}}, {"name": "add", "arguments": {"a": 1, "b": 2.5}, "id": "abcdefghi"}]',
    text: '',
    calls: [bilbao, sum],
  },
  {
    form: 'mistral, of late',
    answer: '[TOOL_CALLS]get_weather[ARGS]{"city": "Bilbao"}[TOOL_CALLS]add[ARGS]{"a": 1, "b": 2.5}',
    text: '',
    calls: [bilbao, sum],
  },
  { form: 'mistral, behind text', answer: 'Well. [TOOL_CALLS]add{"a": 1, "b": 2.5}', text: 'Well.', calls: [sum] },
  {
    form: 'qwen 3 coder',
    answer:
      '<tool_call>\n<function=get_weather>\n<parameter=city>\nBilbao\n</parameter>\n<parameter=days>\n3\n</parameter>\n<parameter=note>\n12\n</parameter>\n</function>\n</tool_call>',
    text: '',
    calls: [['get_weather', { city: 'Bilbao', days: 3, note: '12' }]],
  },
  {
    form: 'qwen 3 coder, no parameters',
    answer: '<tool_call>\n<function=now>\n</function>\n</tool_call>',
    text: '',
    calls: [['now', {}]],
  },
  {
    form: 'granite',
    answer: '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Bilbao"}}]',
    text: '',
    calls: [bilbao],
  },
  { form: 'plain JSON', answer: ' {"name": "add", "arguments": {"a": 1, "b": 2.5}}\n', text: '', calls: [sum] },
  {
    form: 'plain JSON, a list',
    answer:
      '[{"name": "add", "arguments": {"a": 1, "b": 2.5}}, {"name": "get_weather", "arguments": {"city": "Bilbao"}}]',
    text: '',
    calls: [sum, bilbao],
  },
  {
    form: 'plain JSON, fenced',
    answer: '```json\n{"name": "add", "arguments": {"a": 1, "b": 2.5}}\n```',
    text: '',
    calls: [sum],
  },
  {
    form: 'plain JSON, as OpenAI writes it',
    answer: '{"type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": 2.5}}}',
    text: '',
    calls: [sum],
  },
  {
    form: 'JSON that is no call',
    answer: '{"city": "Bilbao", "arguments": {}}',
    text: '{"city": "Bilbao", "arguments": {}}',
    calls: [],
  },
  {
    form: 'JSON that names no tool',
    answer: '{"name": "Bilbao", "arguments": {}}',
    text: '{"name": "Bilbao", "arguments": {}}',
    calls: [],
  },
  { form: 'a list that is no call', answer: '[1, 2] and <tool', text: '[1, 2] and <tool', calls: [] },
  { form: 'code that is no call', answer: '```js\nlet a;\n```', text: '```js\nlet a;\n```', calls: [] },
];
