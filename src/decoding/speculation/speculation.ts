import { pageLength } from '../../../kernels/parts/kv.ts';
import type { ComposedStep, ComposeLimits, Drafts } from '../compose.ts';
import type { Generation } from '../generation.ts';
import type { DraftModel } from './draft_model.ts';
import type { Drafter } from './drafter.ts';
import { PassCosts } from './pass_costs.ts';

/** Drafts are verified where they promise so much more per second than going on without. */
const leastGain = 1.03;
/** Of the time without speculation, what may be lost on drafts that come to nothing. */
const stake = 0.03;
/** Passes that may be lost before anything was gained, and at most. */
const firstCredit = 2;
const maxCredit = 6;
/** What a pass that takes too long is thought to owe to others on the machine, beyond so many passes. */
const maxHiccup = 2;
/** Passes without drafts after which one is tried that does not seem to pay: times change, and at first they are few. */
const [firstProbe, laterProbe] = [8, 64];

/** What a draft of the draft model is thought to cost, in passes of the large one, before any was measured. */
const assumedDraftCost = 0.1;

/** A draft that might be verified. */
interface Candidate {
  readonly generation: Generation;
  /** It is for the draft model to say, which takes its time. */
  readonly isAsked: boolean;
  /** That it is right, and all drafts before it. */
  readonly chance: number;
}

/** Who takes part in a step that verifies drafts, and the drafts. */
export interface VerifyingStep {
  readonly running: readonly Generation[];
  readonly drafts: Drafts;
}

/**
 * Decides which drafts a step verifies. A step that verifies needs to know every token before it, so that the host waits
 * for it, where otherwise it runs ahead: both are measured, and what drafts may lose is bounded by a credit, in passes.
 */
export class Speculation {
  readonly #costs = new PassCosts();
  #credit = firstCredit;
  #passesWithout = 0;
  #lastDelivery = 0;
  /** A step was waited for, for the sake of drafts. */
  #hasWaited = false;
  readonly #draftModel: DraftModel | undefined;
  /** Milliseconds that the draft model took for the step on its way. */
  #drafting = 0;

  constructor(draftModel?: DraftModel) {
    this.#draftModel = draftModel;
  }

  /** Drafts for the next step; `wait` where the steps on their way are to come first, whose tokens decide. */
  plan(
    generations: Iterable<Generation>,
    limits: ComposeLimits,
    inFlight: number,
  ): VerifyingStep | Promise<VerifyingStep | undefined> | 'wait' | undefined {
    const running = [...generations].filter((generation) => goesOn(generation, limits));
    if (!running.every(({ isDecoding }) => isDecoding)) return undefined;
    const room = Math.min(limits.maxDecode, limits.maxLogits) - running.length;
    const { contextLength = 0 } = this.#draftModel ?? {};
    const candidates = running.flatMap((generation) => propose(generation, room, limits, contextLength));
    const counts = this.#chosen(candidates, running.length, room);
    if (counts.size === 0) return undefined;
    this.#hasWaited = inFlight > 0;
    if (inFlight > 0) return 'wait';
    this.#drafting = 0;
    const asked = [...counts.keys()].filter(({ drafter }) => drafter?.asksModel);
    return asked.length > 0 ? this.#ask(asked, counts, running) : verifying(running, counts);
  }

  /** The draft model says what it is asked for; meanwhile some may have ended. */
  async #ask(
    asked: readonly Generation[],
    counts: ReadonlyMap<Generation, number>,
    running: readonly Generation[],
  ): Promise<VerifyingStep | undefined> {
    const start = performance.now();
    const requests = asked.map((generation) => {
      const count = counts.get(generation) as number;
      const rows = Array.from({ length: count }, (_, place) => generation.sampling(place, count));
      return { sequence: generation.sequence, tokens: [...generation.tokens], rows };
    });
    const proposed = await (this.#draftModel as DraftModel).propose(requests);
    for (const [i, { drafter }] of asked.entries()) drafter?.offer(proposed[i] as readonly number[]);
    this.#drafting = performance.now() - start;
    return verifying(running, counts);
  }

  /** How many drafts of which generation. */
  #chosen(candidates: Candidate[], base: number, room: number): Map<Generation, number> {
    const isForced = ({ generation }: Candidate) => generation.drafter?.when === 'always';
    const [best, forced] = [candidates.filter((each) => !isForced(each)), candidates.filter(isForced)];
    best.sort((a, b) => b.chance - a.chance); // those of one generation stay in their order
    const count = Math.max(0, Math.min(room - forced.length, this.#worthwhile(best, base)));
    const chosen = [...forced.slice(0, room), ...best.slice(0, count)];
    return new Map(
      [...Map.groupBy(chosen, ({ generation }) => generation)].map(([each, { length }]) => [each, length]),
    );
  }

  /** How many of the best candidates to verify beside `base` tokens for the most tokens per second. */
  #worthwhile(candidates: readonly Candidate[], base: number): number {
    const plain = this.#costs.plain(base);
    if (plain === undefined) return 0;
    const isProbe = this.#passesWithout >= (this.#costs.isSure ? laterProbe : firstProbe);
    const draftCost = this.#draftModel?.cost ?? assumedDraftCost * plain;
    let [count, most, tokens, drafting] = [0, isProbe ? 0 : (leastGain * base) / plain, base, 0];
    for (const [i, { chance, isAsked }] of candidates.entries()) {
      tokens += chance;
      if (isAsked) drafting += draftCost;
      const cost = drafting + this.#costs.verifying(base + i + 1, base, plain);
      if (tokens / cost <= most || cost / plain - 1 > this.#credit) continue;
      [count, most] = [i + 1, tokens / cost];
    }
    return count;
  }

  /** A step that was submitted at `submitted` has come, with so many tokens. */
  record({ prefill, decode, rows }: ComposedStep, submitted: number, tokens: number, maxAhead: number): void {
    const delivered = performance.now();
    const isPipelined = submitted < this.#lastDelivery;
    const milliseconds = delivered - Math.max(submitted, this.#lastDelivery);
    this.#lastDelivery = delivered;
    const base = new Set(rows).size;
    if (prefill.length > 0 || decode.length !== rows.length) return; // no pass that speculation would replace
    const plain = this.#costs.plain(base);
    if (rows.length > base) {
      this.#passesWithout = 0;
      this.#hasWaited = false;
      this.#costs.addVerifying(rows.length, milliseconds);
      if (plain === undefined) return;
      const cost = this.#costs.isSure ? this.#costs.verifying(rows.length, base, plain) : milliseconds;
      this.#earn(tokens / base - Math.min((cost + this.#drafting) / plain, rows.length + maxHiccup));
      return;
    }
    this.#passesWithout++;
    if (isPipelined || maxAhead === 1) this.#costs.addPlain(base, milliseconds, maxAhead);
    this.#earn(stake);
    if (this.#hasWaited && plain !== undefined && !isPipelined) {
      this.#hasWaited = false; // the drafts that were waited for have come to nothing
      this.#earn(1 - Math.max(1, Math.min(milliseconds / plain, maxHiccup)));
    }
  }

  #earn(passes: number): void {
    this.#credit = Math.min(maxCredit, this.#credit + passes);
  }
}

/** The drafts that are there, of those who can still go on. */
function verifying(running: readonly Generation[], counts: ReadonlyMap<Generation, number>): VerifyingStep | undefined {
  const drafts = new Map<Generation, readonly number[]>();
  for (const [generation, count] of counts) {
    const ids = (generation.drafter as Drafter).take(count);
    if (ids.length > 0 && generation.isDecoding && generation.canGoOn) drafts.set(generation, ids);
  }
  return drafts.size > 0 ? { running, drafts } : undefined;
}

/** Whether it takes part in the next step for which all of its tokens are known. */
function goesOn(generation: Generation, { maxAhead }: ComposeLimits): boolean {
  const { canGoOn, chosenCount, maxTokens, ahead, pending, choosesHere } = generation;
  return canGoOn && chosenCount < maxTokens && ahead - pending < (choosesHere ? 1 : maxAhead);
}

/**
 * A generation's drafts: at most `room`, and no more than it may say. They stay in the page of the token before them, so
 * that what is rejected has taken no room from anybody.
 */
function propose(
  generation: Generation,
  room: number,
  { contextLength }: ComposeLimits,
  draftContextLength: number,
): Candidate[] {
  const { drafter, tokens, pending, chosenCount, maxTokens } = generation;
  const length = tokens.length + pending;
  const end = Math.min(contextLength, Math.ceil(length / pageLength) * pageLength);
  const most = Math.min(room, end - length, maxTokens - chosenCount - 1);
  const chances = drafter?.propose(pending, most, Math.min(most, draftContextLength - length)) ?? [];
  return chances.map((chance) => ({ generation, chance, isAsked: drafter?.asksModel ?? false }));
}
