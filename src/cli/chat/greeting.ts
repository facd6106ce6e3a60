/** What the built-in model understands: one question in each of its languages. */
const examples = [
  '¿Cuál es la capital de Portugal?',
  "Explica'm un conte d'un gat i una clau.",
  'Zein ibai igarotzen da Bilbo hiritik?',
  'Que idiomas falas?',
  'My name is Alice.',
];

/** Tells who answers where no model is named; `command` takes the `-m` that names one. */
export function greeting(command: string): string {
  return `This is Pocket, the built-in model: tiny, and of few words. For another: ${command} -m MODEL.gguf`;
}

export function exampleLines(): string {
  return ['Ask it, for example:', ...examples].join('\n  ');
}
