// @ts-check
/** A worker: renders the strings, so that the page does not wait for them. */

import { renderNote, renderedPitches } from "./tone.js";

for (const pitch of renderedPitches()) {
  const samples = renderNote(pitch);
  self.postMessage({ pitch, samples }, { transfer: [samples.buffer] });
}
self.close();
