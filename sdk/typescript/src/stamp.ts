/** How far a signed time may lie from the clock, in milliseconds, in either direction, the bound included. */
export const tolerance = 300_000;

/**
 * Reads seconds since 1970 in their one canonical form: at most 12 digits, without a sign, a leading zero, a space or
 * a fraction. Gives milliseconds.
 */
export const readStamp = (text: string): number | undefined =>
  /^(?:0|[1-9][0-9]{0,11})$/.test(text) ? Number(text) * 1000 : undefined;

/** Tells whether a time in seconds, as a text, is near now, which is in milliseconds. */
export const isFresh = (text: string, now: number): boolean => {
  const stamp = readStamp(text);
  return stamp !== undefined && Math.abs(now - stamp) <= tolerance;
};
