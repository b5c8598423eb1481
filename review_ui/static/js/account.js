// The account page: the switch for single keys, the same as in the keyboard help.
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
