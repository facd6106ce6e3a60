/**
 * Several generators read as one, as their values come; each waits until its last value was taken. `abort` is called
 * where they end early: one of them failed, or nobody reads on.
 */
export async function* merge<T>(sources: readonly AsyncGenerator<T>[], abort: () => void): AsyncGenerator<T> {
  const letters: { value: T; taken: () => void }[] = [];
  let arrived = Promise.withResolvers<void>();
  let left = sources.length;
  let isOver = false;
  let failure: { error: unknown } | undefined;
  const pump = async (source: AsyncGenerator<T>) => {
    try {
      for await (const value of source) {
        if (isOver) break; // nobody takes it
        const { promise, resolve } = Promise.withResolvers<void>();
        letters.push({ value, taken: resolve });
        arrived.resolve();
        await promise;
      }
    } catch (error) {
      failure ??= { error };
    }
    left--;
    arrived.resolve();
  };
  const pumps = sources.map(pump);
  try {
    for (;;) {
      const letter = letters.shift();
      if (letter) {
        try {
          yield letter.value;
        } finally {
          letter.taken();
        }
      } else if (failure) {
        throw failure.error;
      } else if (left === 0) {
        return;
      } else {
        await arrived.promise;
        arrived = Promise.withResolvers();
      }
    }
  } finally {
    isOver = true;
    if (left > 0) abort();
    const ended = sources.map((source) => source.return(undefined));
    for (const { taken } of letters) taken();
    await Promise.allSettled([...ended, ...pumps]);
  }
}
