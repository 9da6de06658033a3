// Runs the machines on npm's aws-local-stepfunctions; prints transitions per second of processor time and of wall time as
// JSON. run.sh calls it.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { StateMachine } from "aws-local-stepfunctions";

const input = { n: 0, items: Array.from({ length: 40 }, (_, index) => index) };
const TRANSITIONS = { pass: 100, choice: 102, map: 41 };
const SECONDS = 2;
// One that never ends is reported as that.
const limited = (promise) =>
  Promise.race([
    promise,
    new Promise((_, reject) => setTimeout(() => reject(new Error("it does not end")), 10_000).unref()),
  ]);
const results = {};
for (const file of readdirSync(process.argv[2]).sort().filter((name) => name.endsWith(".asl.json"))) {
  const name = file.replace(".asl.json", "");
  try {
    const definition = JSON.parse(readFileSync(join(process.argv[2], file), "utf8"));
    if (definition.QueryLanguage === "JSONata") throw new Error("it has no JSONata");
    const machine = new StateMachine(definition);
    await limited(machine.run(input).result);
    const begun = process.cpuUsage();
    const clock = performance.now();
    let runs = 0;
    let seconds = 0;
    while (seconds < SECONDS) {
      await machine.run(input).result;
      runs += 1;
      const used = process.cpuUsage(begun);
      seconds = (used.user + used.system) / 1e6;
    }
    const transitions = runs * TRANSITIONS[name.split("_")[0]];
    results[name] = { cpu: transitions / seconds, wall: transitions / ((performance.now() - clock) / 1e3) };
  } catch (error) {
    results[name] = { cannot: String(error.message ?? error).slice(0, 200) };
  }
}
console.log(JSON.stringify(results, null, 1));
process.exit(0);
