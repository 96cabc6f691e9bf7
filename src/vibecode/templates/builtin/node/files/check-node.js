// Node runs TypeScript as it is since 22.18. An older one would find no tests, and say that none failed.
if (!process.features.typescript) {
  console.error(`Node 22.18 or later is needed, and this is ${process.versions.node}.`);
  process.exit(1);
}
