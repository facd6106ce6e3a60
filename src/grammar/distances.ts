/** How far the nodes of an automaton are from the end. */
import type { Node, Rule } from './automaton.ts';

/** Beyond it distances are not told apart. */
const farthest = 2 ** 16;

/** An edge backwards: from `node` it takes so many bytes, and where it goes through a rule, what is beyond `other` too. */
interface EdgeBack {
  readonly node: number;
  readonly bytes: 0 | 1;
  readonly other?: number;
}

/**
 * Bytes from each node to the end of its rule, at least, up to `farthest`; Infinity where it never ends. Dijkstra's way
 * back from the ends of all rules; distances are small, so that a list for each takes a queue's place.
 */
export function distancesToEnd(nodes: readonly Node[], rules: readonly Rule[]): Float64Array {
  const before: EdgeBack[][] = nodes.map(() => []);
  for (const [node, { bytes, free, calls }] of nodes.entries()) {
    for (const { to } of bytes) before[to]?.push({ node, bytes: 1 });
    for (const to of free) before[to]?.push({ node, bytes: 0 });
    for (const { rule, to } of calls) {
      const { start } = rules[rule] as Rule;
      before[to]?.push({ node, bytes: 0, other: start });
      before[start]?.push({ node, bytes: 0, other: to });
    }
  }
  const distances = new Float64Array(nodes.length).fill(Number.POSITIVE_INFINITY);
  const found: (number[] | undefined)[] = [rules.map(({ end }) => end)]; // by distance
  for (const { end } of rules) distances[end] = 0;
  for (let distance = 0; distance < found.length; distance++) {
    for (const at of found[distance] ?? []) {
      if (distances[at] !== distance) continue; // it was found nearer
      for (const { node, bytes, other } of before[at] as EdgeBack[]) {
        const beyond = other === undefined ? 0 : (distances[other] as number);
        if (beyond === Number.POSITIVE_INFINITY) continue;
        const whole = Math.min(farthest, distance + bytes + beyond);
        if (whole >= (distances[node] as number)) continue;
        distances[node] = whole;
        found[whole] ??= [];
        found[whole].push(node);
      }
    }
  }
  return distances;
}
