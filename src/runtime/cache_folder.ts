/** Where a program keeps what it can do without: the system's folder for it, or the one that `WEBGGUF_CACHE` names. */

/** The folder, which need not exist; undefined where `WEBGGUF_CACHE` is empty, or there is no home. */
export function cacheFolder(variable: (name: string) => string | undefined, system: string): string | undefined {
  const own = variable('WEBGGUF_CACHE');
  if (own !== undefined) return own || undefined;
  if (system === 'win32' || system === 'windows') {
    const local = variable('LOCALAPPDATA');
    return local && `${local}\\webgguf\\Cache`;
  }
  const home = variable('HOME');
  const shared = variable('XDG_CACHE_HOME');
  if (system === 'darwin') return home && `${home}/Library/Caches/webgguf`;
  if (shared?.startsWith('/')) return `${shared}/webgguf`; // relative ones are to be ignored, its specification says
  return home && `${home}/.cache/webgguf`;
}
