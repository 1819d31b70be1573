// One call at a time, shared between the thread that runs a plan (the first) and others that have instances over the
// same memory. The call lies in memory, cut into pieces by sizes alone; whoever is free takes the next one. Nothing
// waits for a thread that has not come: what others do not take the first does itself, so a thread that is asleep,
// late or busy elsewhere costs nothing but its help.
import {
  CALL_ARGUMENTS, CALL_BEGIN, CALL_END, CALL_KERNEL, CALL_PIECES, CALL_SCRATCH, CALL_SCRATCHES, CALL_SCRATCH_BYTES,
  CALL_STEP, SHARE_AWAKE, SHARE_CALL, SHARE_DONE, SHARE_FAILED, SHARE_PAGES, SHARE_PATIENCE, SHARE_PAUSES,
  SHARE_TICKETS, SHARE_WAITING,
} from "../abi/codes";
import { dispatch } from "./dispatch";

/** Looks at the counter of finished pieces before the first thread sleeps: about 100 µs. */
const SPINS: i32 = 50000;
/** Nanoseconds that it sleeps at a time. */
const NAP: i64 = 100_000_000;
/** About as many looks as a nap takes, where a thread may not sleep (the main thread of a page). */
const NAP_SPINS: i64 = 50_000_000;

// @ts-ignore: decorator
@inline
function word(share: usize, index: i32): i32 {
  return load<i32>(share + SHARE_CALL + (index << 2));
}

/** Takes a piece of the call: its number, or −1 if there is none. */
function take(share: usize): i32 {
  let tickets = atomic.load<i64>(share, SHARE_TICKETS);
  while (<i32>tickets != 0) {
    let seen = atomic.cmpxchg<i64>(share, tickets, tickets - 1, SHARE_TICKETS);
    // Until this piece is finished the call stays what it is.
    if (seen == tickets) return word(share, CALL_PIECES) - <i32>tickets;
    tickets = seen;
  }
  return -1;
}

function make(share: usize, piece: i32, scratch: usize): void {
  let step = word(share, CALL_STEP), begin = word(share, CALL_BEGIN) + piece * step;
  dispatch(
    word(share, CALL_KERNEL), share + SHARE_CALL + (CALL_ARGUMENTS << 2),
    begin, min(begin + step, word(share, CALL_END)), scratch,
  );
}

/**
 * Makes the call at SHARE_CALL together with whoever comes. Returns 0; 1 if a piece that another thread has taken was
 * not finished: it must have died; or 2 if it took longer than `grace` nanoseconds after all others were done: the
 * thread must have had to leave its core to somebody else. `sleeps`: whether this thread may sleep.
 */
export function share_call(share: usize, sleeps: i32, grace: i32): i32 {
  let pieces = word(share, CALL_PIECES), mine = 0;
  atomic.store<i32>(share, 0, SHARE_DONE);
  store<i32>(share, memory.size(), SHARE_PAGES);
  atomic.store<i64>(
    share, (((atomic.load<i64>(share, SHARE_TICKETS) >>> 32) + 1) << 32) | <i64>pieces, SHARE_TICKETS,
  );
  let pauses = load<i32>(share, SHARE_PAUSES), random = <u32>load<i32>(share, SHARE_TICKETS + 4) | 1;
  for (let piece = take(share); piece >= 0; piece = take(share)) {
    make(share, piece, word(share, CALL_SCRATCH));
    mine++;
    if (pauses) random = pause(share, random, pauses);
  }
  let others = pieces - mine;
  for (let i = 0; i < SPINS; i++) if (atomic.load<i32>(share, SHARE_DONE) == others) return 0;
  const patience = load<i32>(share, SHARE_PATIENCE);
  if (!sleeps) {
    let late = <i64>grace * NAP_SPINS / NAP;
    for (let i: i64 = 0; i < NAP_SPINS * patience; i++) {
      if (atomic.load<i32>(share, SHARE_DONE) == others) return i < late ? 0 : 2;
    }
    return 1;
  }
  atomic.store<i32>(share, 1, SHARE_WAITING);
  let naps = 0, nap = <i64>grace, late = 0;
  for (let done = atomic.load<i32>(share, SHARE_DONE); done != others && naps < patience;) {
    if (atomic.wait<i32>(share + SHARE_DONE, done, nap) == AtomicWaitResult.TIMED_OUT) {
      naps++;
      late = 2;
    } else {
      naps = 0;
    }
    nap = NAP;
    done = atomic.load<i32>(share, SHARE_DONE);
  }
  atomic.store<i32>(share, 0, SHARE_WAITING);
  return naps < patience ? late : 1;
}

// @ts-ignore: decorator
@inline
function finish(share: usize): void {
  atomic.add<i32>(share, 1, SHARE_DONE);
  if (atomic.load<i32>(share, SHARE_WAITING)) atomic.notify(share + SHARE_DONE, 1);
}

/** What a thread does in which a kernel has failed: whoever waits for the piece is told. */
export function share_failed(share: usize): void {
  atomic.add<i32>(share, 1, SHARE_FAILED);
  finish(share);
}

/**
 * Makes pieces, as another thread than the first, until `spins` looks in a row have found none. `thread` counts these
 * from 0. Returns the pieces made.
 */
export function share_work(share: usize, thread: i32, spins: i32): i32 {
  let made = 0, random: u32 = 2463534242 + thread;
  atomic.add<i32>(share, 1, SHARE_AWAKE);
  for (let i = 0; i < spins; i++) {
    let piece = take(share);
    if (piece < 0) continue;
    // An engine may tell this thread late that another has made the memory larger. Growing by nothing makes it look.
    if (memory.size() < load<i32>(share, SHARE_PAGES)) memory.grow(0);
    let pauses = load<i32>(share, SHARE_PAUSES);
    if (pauses) random = pause(share, random, pauses);
    make(share, piece, word(share, CALL_SCRATCHES) + thread * word(share, CALL_SCRATCH_BYTES));
    if (pauses) random = pause(share, random, pauses);
    finish(share);
    made++;
    i = 0;
  }
  atomic.sub<i32>(share, 1, SHARE_AWAKE);
  return made;
}

/** Does nothing for up to `most` turns (Marsaglia, "Xorshift RNGs", 2003). Returns the next random number. */
function pause(share: usize, random: u32, most: i32): u32 {
  random ^= random << 13;
  random ^= random >> 17;
  random ^= random << 5;
  // Not an empty loop, which a compiler would leave out.
  for (let i: u32 = random % <u32>most; i > 0; i--) atomic.load<i32>(share, SHARE_PAUSES);
  return random;
}
