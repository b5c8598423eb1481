// The account page: the switch for single keys, the same as in the keyboard help.
import { chooseCampsites, endPush, pushPossible, pushed, startPush, testPush, toldOf } from "./app.js";
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
  const more = document.getElementById("push-more");
  const ticks = () => [...more.querySelectorAll("input[type=checkbox]")];
  const showMore = async () => {
    const chosen = told.checked ? await toldOf() : null;
    more.hidden = chosen === null;
    for (const tick of ticks()) tick.checked = chosen?.includes(tick.value) ?? false;
  };
  if (told.checked) showMore();
  told.addEventListener("change", async () => {
    why.textContent = told.checked ? await startPush() : ((await endPush()), "");
    told.checked = told.checked && why.textContent === "";
    await showMore();
  });
  let sent = Promise.resolve(); // one after the other: the last choice is the one that holds
  more.addEventListener("change", () => {
    sent = sent.then(async () => {
      why.textContent = await chooseCampsites(ticks().filter((tick) => tick.checked).map((tick) => tick.value));
    });
  });
  const test = document.getElementById("push-test");
  const said = document.getElementById("push-said");
  test.addEventListener("click", async () => {
    said.textContent = "On its way …";
    said.textContent = (await testPush()) || "Sent: it comes without a sound.";
  });
}
