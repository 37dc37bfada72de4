// The theme: light, dark, or that of the system. The browser stores the choice.

const CHOICES = ["system", "light", "dark"];

export function startTheme(button) {
  let choice = CHOICES.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system";
  const apply = () => {
    document.documentElement.dataset.theme = choice;
    button.textContent = `Theme: ${choice}`;
  };
  button.addEventListener("click", () => {
    choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
    localStorage.setItem("theme", choice);
    apply();
  });
  apply();
}
