/** How variants race, and which are dropped. */
import { expect, test } from 'vitest';
import { DeviceLostError, GpuError, LostByTrialError, OutOfMemoryError } from '../../src/gpu/errors.ts';
import { tune } from '../../src/gpu/tune.ts';
import { chosenVariant } from '../../src/gpu/variants.ts';
import { FakeClock, FakeCourse, type FakeVariant, fakeDevice } from './fake_course.ts';

const endless = { milliseconds: Number.POSITIVE_INFINITY, rounds: 3 };

async function raced(variants: readonly FakeVariant[], device = fakeDevice()) {
  const course = new FakeCourse(variants);
  await tune(device, [course], endless, () => 0);
  const { dropped, races } = device.findings;
  const chosen = chosenVariant(course.kernel, course.shape, device) as FakeVariant;
  return { way: chosen.way, log: course.log, dropped: Object.fromEntries(dropped), race: races.get('k rows=8') };
}

test('the fastest of one order is chosen, whatever others take', async () => {
  const { way, log, dropped, race } = await raced([
    { way: 'first', time: 4 },
    { way: 'faster', time: 2 },
    { way: 'other order', order: 'two', time: 1, writes: [1.0001, 2] },
    { way: 'base', time: 3 },
  ]);
  expect(way).toBe('faster');
  expect(dropped).toEqual({});
  expect(log).toEqual(['first', 'base', 'first : base', 'faster', 'base : faster']);
  expect(race).toEqual({ best: 'way=faster', tried: ['way=first', 'way=base', 'way=faster'], rounds: 3 });
});

test('what is alike stays as it is', async () => {
  const { way } = await raced([
    { way: 'first', time: 1 },
    { way: 'base', time: 0.98 },
  ]);
  expect(way).toBe('first');
});

test('one variant has nobody to race with, and does not run', async () => {
  expect((await raced([{ way: 'base', time: 1 }])).log).toEqual([]);
});

test('whoever writes other bits is dropped and named, however fast', async () => {
  const { way, dropped } = await raced([
    { way: 'first', time: 4 },
    { way: 'wrong', time: 1, writes: [1, 2.0000002] },
    { way: 'base', time: 5 },
  ]);
  expect(way).toBe('first');
  expect(dropped).toEqual({ 'k way=wrong': 'dst of rows=8 is not what "way=first" makes it' });
});

test('whoever does not compile is dropped with the first line of what was said', async () => {
  const writes = new GpuError('kernel k: line 3: unknown\n 1 fn main');
  const { way, dropped } = await raced([
    { way: 'broken', time: 1, writes },
    { way: 'next', time: 2 },
    { way: 'base', time: 3 },
  ]);
  expect(way).toBe('next');
  expect(dropped).toEqual({ 'k way=broken': 'kernel k: line 3: unknown' });
});

test('the base variant judges the default: by bits in its order, by numbers in another', async () => {
  const wrong = { way: 'first', time: 1, writes: [1, 3] };
  for (const order of ['one', 'two']) {
    const { way, dropped } = await raced([
      { ...wrong, order },
      { way: 'base', time: 9 },
    ]);
    expect(way).toBe('base');
    expect(dropped).toEqual({ 'k way=first': 'dst of rows=8 is not what "way=base" makes it' });
  }
  const rounded = { way: 'first', order: 'two', time: 1, writes: [1.0001, 2] };
  expect((await raced([rounded, { way: 'base', time: 9 }])).dropped).toEqual({});
  const notANumber = { ...rounded, writes: [Number.NaN, 2] };
  expect((await raced([notANumber, { way: 'base', time: 9 }])).way).toBe('base');
});

test('where nothing runs, it ends', async () => {
  const writes = new GpuError('no');
  const { log, dropped } = await raced([
    { way: 'first', time: 1, writes },
    { way: 'base', time: 1, writes },
  ]);
  expect(log).toEqual(['first']);
  expect(Object.keys(dropped)).toEqual(['k way=first']);
});

test('it ends before a second is over, and goes on there the next time', async () => {
  const clock = new FakeClock();
  const device = fakeDevice();
  const variants = ['first', 'second', 'third', 'base'].map((way, i) => ({ way, time: 1 / (i + 1), compile: 240 }));
  const load = async () => {
    const began = clock.now;
    const courses = ['a', 'b'].map((name) => new FakeCourse(variants, { clock, name }));
    await tune(device, courses, { milliseconds: 1000, rounds: 3 }, () => clock.now);
    return { milliseconds: clock.now - began, log: courses.flatMap(({ log }) => log) };
  };
  const loads = [await load(), await load(), await load(), await load(), await load()];
  expect(loads[0]?.log).toEqual(['first', 'base', 'first : base', 'second', 'base : second', 'third']);
  expect(loads[1]?.log.slice(0, 2)).toEqual(['base', 'third']);
  expect(loads.flatMap(({ log }) => log).filter((entry) => entry === 'base : third')).toHaveLength(2);
  expect(loads.at(-1)?.log).toEqual([]);
  const free = 2 * 240; // the first run of each course
  for (const { milliseconds } of loads) expect(milliseconds).toBeLessThan(1000 + free);
  expect([...device.findings.races.values()].map(({ best }) => best)).toEqual(['way=base', 'way=base']);
});

test('what the first tokens do not run anyway begins only where there is time for it', async () => {
  const clock = new FakeClock();
  const variants = [
    { way: 'first', time: 1, compile: 600 },
    { way: 'base', time: 1 },
  ];
  const needed = new FakeCourse(variants, { clock });
  const wide = new FakeCourse(variants, { clock, name: 'wide', isNeeded: false });
  await tune(fakeDevice(), [needed, wide], { milliseconds: 1000, rounds: 3 }, () => clock.now);
  expect(needed.log).toEqual(['first']);
  expect(wide.log).toEqual([]);
});

test('more rounds begin a race anew', async () => {
  const device = fakeDevice();
  const variants = [
    { way: 'first', time: 2 },
    { way: 'base', time: 1 },
  ];
  await raced(variants, device);
  expect((await raced(variants, device)).log).toEqual([]);
  const course = new FakeCourse(variants);
  await tune(device, [course], { ...endless, rounds: 9 }, () => 0);
  expect(course.log).toContain('base : first');
  expect(device.findings.races.get('k rows=8')?.rounds).toBe(9);
});

test('a winner that is found wrong later, or is no variant any more, does not run', async () => {
  const device = fakeDevice();
  const variants = [
    { way: 'first', time: 2 },
    { way: 'base', time: 1 },
  ];
  expect((await raced(variants, device)).way).toBe('base');
  device.findings.dropped.set('k way=base', 'another shape');
  expect((await raced(variants, device)).way).toBe('first');
  device.findings.dropped.clear();
  device.findings.races.set('k rows=8', { best: 'way=gone', tried: ['way=gone'], rounds: 3 });
  expect((await raced(variants, device)).way).toBe('base');
});

test('a challenger that costs the device is dropped; a default is not blamed', async () => {
  const lost = new DeviceLostError('the GPU device was lost (unknown): reset');
  const device = fakeDevice();
  const challenger = [
    { way: 'first', time: 1 },
    { way: 'deadly', time: 1, writes: lost },
    { way: 'base', time: 1 },
  ];
  await expect(raced(challenger, device)).rejects.toThrow(LostByTrialError);
  expect(device.findings.dropped).toEqual(new Map([['k way=deadly', 'the device was lost while it ran']]));
  expect((await raced(challenger, device)).race?.tried).toEqual(['way=first', 'way=base']);

  const other = fakeDevice();
  await expect(
    raced(
      [
        { way: 'first', time: 1, writes: lost },
        { way: 'base', time: 1 },
      ],
      other,
    ),
  ).rejects.toBe(lost);
  expect(other.findings.dropped.size).toBe(0);
});

test('where memory runs out it ends, and blames nobody', async () => {
  const writes = new OutOfMemoryError('tuning readback, 4 bytes');
  const { dropped } = await raced([
    { way: 'first', time: 1, writes },
    { way: 'base', time: 1 },
  ]);
  expect(dropped).toEqual({});
});

test('a signal ends it with its reason', async () => {
  const controller = new AbortController();
  const course = new FakeCourse([
    { way: 'first', time: 1 },
    { way: 'base', time: 1 },
  ]);
  controller.abort(new Error('enough'));
  const tuned = tune(fakeDevice(), [course], { ...endless, signal: controller.signal }, () => 0);
  await expect(tuned).rejects.toThrow('enough');
});
