// A short sound for a new alert, for those who want one on this device. Made here; one tab of a browser plays it.
const STORE = "bearwatch.sound";
const QUIET_MS = 1500;
let context = null;

export const wanted = () => localStorage.getItem(STORE) === "on";

export function want(on) {
  localStorage.setItem(STORE, on ? "on" : "off");
  if (on) ready().then(play);
}

/** Browsers allow sound only after somebody has touched the page. */
async function ready() {
  if (!wanted()) return;
  context ??= new AudioContext();
  if (context.state !== "running") await context.resume();
}

for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, () => ready().catch(() => {}));

export function beep() {
  if (!wanted() || context?.state !== "running") return;
  if (!navigator.locks) return play();
  navigator.locks.request("bearwatch.beep", { ifAvailable: true }, (lock) => {
    if (!lock) return undefined;
    play();
    return new Promise((done) => setTimeout(done, QUIET_MS));
  });
}

function play() {
  for (const [after, pitch] of [[0, 660], [0.18, 880]]) {
    const tone = new OscillatorNode(context, { type: "triangle", frequency: pitch });
    const loudness = new GainNode(context, { gain: 0 });
    const start = context.currentTime + after;
    loudness.gain.setValueAtTime(0, start);
    loudness.gain.linearRampToValueAtTime(0.4, start + 0.02);
    loudness.gain.exponentialRampToValueAtTime(0.001, start + 0.3);
    tone.connect(loudness).connect(context.destination);
    tone.start(start);
    tone.stop(start + 0.32);
  }
  document.dispatchEvent(new CustomEvent("beep"));
}
