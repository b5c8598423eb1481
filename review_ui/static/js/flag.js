// Says early that scripts run, so that nothing jumps when the page is drawn.
document.documentElement.classList.add("js");
