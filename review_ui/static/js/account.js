// The account page: the switch for single keys, the same as in the keyboard help.
import { endPush, pushPossible, pushed, startPush } from "./app.js";
import { want, wanted } from "./sound.js";

const here = document.getElementById("keys-here");
const help = document.getElementById("keys-on");
if (here && help) {
  here.checked = help.checked;
  here.addEventListener("change", () => {
    help.checked = here.checked;
    help.dispatchEvent(new Event("change"));
  });
  help.addEventListener("change", () => (here.checked = help.checked));
}

// A sound, and being told while no page is open: both are asked for on each device.
const sound = document.getElementById("sound-here");
if (sound) {
  sound.checked = wanted();
  sound.addEventListener("change", () => want(sound.checked));
}
const told = document.getElementById("push-here");
if (told) {
  const why = document.getElementById("push-why");
  told.closest("p").hidden = !pushPossible();
  if (pushPossible()) told.checked = pushed();
  told.addEventListener("change", async () => {
    why.textContent = told.checked ? await startPush() : ((await endPush()), "");
    told.checked = told.checked && why.textContent === "";
  });
}
