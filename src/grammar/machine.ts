import type { Automaton, ByteEdge, Node } from './automaton.ts';
import { GrammarError } from './errors.ts';
import { maxConfigs, maxStates, maxTextDepth, maxVisits } from './limits.ts';

/** Nothing may come any more, and the text is no text of the grammar. */
export const dead = 0;

/**
 * An automaton made deterministic as far as texts go: a state is all places where a text so far may stand, each a node
 * and the nodes to go back to. States and their steps are made when they are first asked for.
 */
export class Machine {
  readonly start: number;
  readonly #automaton: Automaton;
  /** Bytes that no edge tells apart are of one class, in the order of bytes. */
  readonly #classOf = new Uint8Array(256);
  readonly #classCount: number;
  readonly #edges: readonly (readonly ByteEdge[])[];
  /** Nodes from which a rule ends, and nothing else can be. */
  readonly #isTail: Uint8Array;

  /** A frame is a node over another frame: a place of a text, or what follows where a rule ends; 0 is below all. */
  readonly #frameNodes = [0];
  readonly #frameBelow = [0];
  readonly #frameDepths = [0];
  /** Bytes from each to the end of the text, at least. */
  readonly #frameDistances = [0];
  readonly #frames = new Map<number, number>();

  readonly #states = new Map<string, number>();
  readonly #places: Int32Array[] = [new Int32Array(0)];
  readonly #canEnd: boolean[] = [false];
  readonly #distances = [Number.POSITIVE_INFINITY];
  /** [states, classes]; -1 where nobody has asked yet. */
  #steps: Int32Array;
  /** Frames that were looked at, in all. */
  #visits = 0;

  constructor(automaton: Automaton) {
    const { nodes, rules, root } = automaton;
    this.#automaton = automaton;
    const isBorder = new Uint8Array(257);
    for (const { bytes } of nodes) {
      for (const { first, last } of bytes) {
        isBorder[first] = 1;
        isBorder[last + 1] = 1;
      }
    }
    let classIndex = 0;
    for (let byte = 0; byte < 256; byte++) {
      if (byte > 0 && isBorder[byte]) classIndex++;
      this.#classOf[byte] = classIndex;
    }
    this.#classCount = classIndex + 1;
    const inClasses = ({ first, last, to }: ByteEdge) => ({
      first: this.#classOf[first] as number,
      last: this.#classOf[last] as number,
      to,
    });
    this.#edges = nodes.map(({ bytes }) => bytes.map(inClasses));
    this.#isTail = tailsOf(automaton);
    this.#steps = new Int32Array(64 * this.#classCount).fill(-1);
    this.#steps.fill(dead, 0, this.#classCount);
    this.start = this.#stateOf([this.#frame(rules[root]?.start as number, 0)]);
  }

  /** Whether so much was done that a new text had better begin with another machine. */
  get isWorn(): boolean {
    return this.#places.length > maxStates / 2 || this.#visits > maxVisits / 2;
  }

  /** Whether a text may end here. */
  canEnd(state: number): boolean {
    return this.#canEnd[state] as boolean;
  }

  /** Bytes to the nearest end, at least so many. */
  distance(state: number): number {
    return this.#distances[state] as number;
  }

  /** Whether it ends here, and nothing may follow. */
  isLast(state: number): boolean {
    return this.canEnd(state) && this.#places[state]?.length === 0;
  }

  /** The state after another byte. Throws `GrammarError` where the grammar is too ambiguous, or there are too many. */
  step(state: number, byte: number): number {
    const index = state * this.#classCount + (this.#classOf[byte] as number);
    const known = this.#steps[index] as number;
    return known >= 0 ? known : this.#take(state, this.#classOf[byte] as number, index);
  }

  /** Whether a whole text is one of the grammar. */
  matches(text: string): boolean {
    let state = this.start;
    for (const byte of new TextEncoder().encode(text)) state = this.step(state, byte);
    return this.canEnd(state);
  }

  #take(state: number, byteClass: number, index: number): number {
    const reached: number[] = [];
    for (const place of this.#places[state] as Int32Array) {
      const below = this.#frameBelow[place] as number;
      for (const { first, last, to } of this.#edges[this.#frameNodes[place] as number] as readonly ByteEdge[]) {
        if (first <= byteClass && byteClass <= last) reached.push(this.#frame(to, below));
      }
    }
    const next = reached.length === 0 ? dead : this.#stateOf(reached);
    this.#steps[index] = next;
    return next;
  }

  #frame(node: number, below: number): number {
    const key = below * this.#automaton.nodes.length + node;
    let frame = this.#frames.get(key);
    if (frame === undefined) {
      frame = this.#frameNodes.push(node) - 1;
      this.#frameBelow.push(below);
      this.#frameDepths.push((this.#frameDepths[below] as number) + 1);
      const distance = this.#automaton.distances[node] as number;
      this.#frameDistances.push(distance + (this.#frameDistances[below] as number));
      this.#frames.set(key, frame);
    }
    return frame;
  }

  /** The state of all places that are reached from some without a byte. */
  #stateOf(from: readonly number[]): number {
    const { nodes, rules } = this.#automaton;
    const reached = new Set(from);
    const places: number[] = [];
    let canEnd = false;
    for (const frame of reached) {
      if (reached.size > maxConfigs)
        throw new GrammarError('the grammar is too ambiguous: a text may be meant in too many ways');
      const node = this.#frameNodes[frame] as number;
      const below = this.#frameBelow[frame] as number;
      const { bytes, free, calls } = nodes[node] as Node;
      if (bytes.length > 0) places.push(frame);
      for (const to of free) reached.add(this.#frame(to, below));
      for (const { rule, to } of calls) {
        const { start } = rules[rule] as Automaton['rules'][number];
        if (this.#isTail[to]) reached.add(this.#frame(start, below));
        else if ((this.#frameDepths[frame] as number) < maxTextDepth)
          reached.add(this.#frame(start, this.#frame(to, below)));
      }
      if (!this.#isEnd(node)) continue;
      if (below === 0) canEnd = true;
      else reached.add(below);
    }
    this.#visits += reached.size;
    if (this.#visits > maxVisits) throw tooComplex();
    if (places.length === 0 && !canEnd) return dead;
    const sorted = Int32Array.from(places).sort();
    const key = `${canEnd}${sorted}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      state = this.#places.length;
      if (state >= maxStates) throw tooComplex();
      this.#states.set(key, state);
      this.#places.push(sorted);
      this.#canEnd.push(canEnd);
      const distances = places.map((place) => this.#frameDistances[place] as number);
      this.#distances.push(canEnd ? 0 : distances.reduce((a, b) => Math.min(a, b)));
      this.#grow();
    }
    return state;
  }

  #isEnd(node: number): boolean {
    return this.#isTail[node] === 2;
  }

  #grow(): void {
    const needed = this.#places.length * this.#classCount;
    if (needed <= this.#steps.length) return;
    const larger = new Int32Array(2 * this.#steps.length).fill(-1);
    larger.set(this.#steps);
    this.#steps = larger;
  }
}

function tooComplex(): GrammarError {
  return new GrammarError('the grammar is too complex: its texts have too many states');
}

/** 2: the end of a rule; 1: a node that leads there and nowhere else, so that nothing need be remembered of it. */
function tailsOf({ nodes, rules }: Automaton): Uint8Array {
  const isTail = new Uint8Array(nodes.length);
  const before = new Map<number, number[]>();
  for (const [i, { bytes, free, calls }] of nodes.entries()) {
    const [to] = free;
    if (to === undefined || free.length > 1 || bytes.length > 0 || calls.length > 0) continue;
    const list = before.get(to);
    if (list) list.push(i);
    else before.set(to, [i]);
  }
  const work: number[] = [];
  for (const { end } of rules) {
    isTail[end] = 2;
    work.push(end);
  }
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    for (const each of before.get(node) ?? []) {
      if (isTail[each]) continue;
      isTail[each] = 1;
      work.push(each);
    }
  }
  return isTail;
}
