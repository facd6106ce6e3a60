/** `task` of each item, in the items' order; up to `ahead` run at once, and no more results wait than that. */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  ahead: number,
  task: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const started: Promise<R>[] = [];
  for (const item of items) {
    const result = task(item);
    result.catch(() => {}); // seen when its turn comes, which after an earlier failure is never
    started.push(result);
    if (started.length === ahead) yield await started.shift()!;
  }
  for (const result of started) yield await result;
}
