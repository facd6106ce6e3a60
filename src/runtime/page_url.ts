/** What addresses are relative to: the page's base; in a worker, which has no document, its script. */
export const pageUrl = (): string => globalThis.document?.baseURI ?? location.href;
