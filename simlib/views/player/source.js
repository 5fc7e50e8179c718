// Where slices come from: all of them sent along, or asked of the kernel when they are needed.

import { unpack } from "./unpack.js";

// Every slice is here: a file that plays offline, or a small trace.
export function sentAlong(packed) {
  const slices = packed.map(() => null);
  const slice = number => (slices[number] ??= unpack(packed[number]));
  return { slice, about: () => Promise.all(packed.map((_, number) => slice(number))) };
}

// `ask(question)` sends to the kernel; `answered(number, bytes)` is called with what comes back.
export function asked(ask) {
  const waiting = new Map(), kept = new Map();
  const request = (name, question) => {
    if (kept.has(name)) return kept.get(name);
    const answer = new Promise((resolve, reject) => waiting.set(name, { resolve, reject }));
    kept.set(name, answer);
    if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
    ask(question);
    return answer;
  };
  return {
    slice: number => request(`slice ${number}`, { slice: number }),
    about: message => request(`life ${message}`, { life: message }).then(slice => [slice]),
    answered(name, bytes, error) {
      const one = waiting.get(name);
      waiting.delete(name);
      if (error) { kept.delete(name); one?.reject(new Error(error)); } else one?.resolve(unpack(bytes));
    },
  };
}
const MOST_KEPT = 60;
