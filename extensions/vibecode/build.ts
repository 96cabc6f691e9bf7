/** Bundles the extension and packs it as a .vsix (a zip in the Open Packaging Conventions) for the editor to install. */

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { crc32, deflateRawSync } from "node:zlib";

import { build } from "esbuild";

const ROOT = new URL("../../", import.meta.url);
const OUTPUT = new URL("src/vibecode/editor/extensions/vibecode.vsix", ROOT);
const VERSION = new URL("src/vibecode/__init__.py", ROOT);

interface Manifest {
  name: string;
  displayName: string;
  description: string;
  publisher: string;
  engines: { vscode: string };
  [key: string]: unknown;
}

async function manifest(): Promise<Manifest & { version: string }> {
  const source = JSON.parse(await readFile(new URL("package.json", import.meta.url), "utf8")) as Manifest;
  const version = /^__version__ = "([^"]+)"$/m.exec(await readFile(VERSION, "utf8"))?.[1];
  if (version === undefined) throw new Error(`${fileURLToPath(VERSION)} has no __version__.`);
  // The bundle is complete in itself; what this folder depends on is for building and checking it.
  const { scripts, dependencies, devDependencies, private: _, type, ...published } = source;
  return { ...published, version } as Manifest & { version: string };
}

function escapeXml(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function vsixManifest({ name, displayName, description, publisher, version, engines }: Manifest & { version: string }) {
  return `<?xml version="1.0" encoding="utf-8"?>
<PackageManifest Version="2.0.0" xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011">
  <Metadata>
    <Identity Language="en-US" Id="${escapeXml(name)}" Version="${escapeXml(version)}" Publisher="${escapeXml(publisher)}"/>
    <DisplayName>${escapeXml(displayName)}</DisplayName>
    <Description xml:space="preserve">${escapeXml(description)}</Description>
    <Properties>
      <Property Id="Microsoft.VisualStudio.Code.Engine" Value="${escapeXml(engines.vscode)}"/>
      <Property Id="Microsoft.VisualStudio.Code.ExtensionKind" Value="workspace"/>
    </Properties>
  </Metadata>
  <Installation><InstallationTarget Id="Microsoft.VisualStudio.Code"/></Installation>
  <Dependencies/>
  <Assets>
    <Asset Type="Microsoft.VisualStudio.Code.Manifest" Path="extension/package.json" Addressable="true"/>
  </Assets>
</PackageManifest>
`;
}

const CONTENT_TYPES = `<?xml version="1.0" encoding="utf-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
  <Default Extension=".json" ContentType="application/json"/>
  <Default Extension=".cjs" ContentType="application/javascript"/>
  <Default Extension=".vsixmanifest" ContentType="text/xml"/>
</Types>
`;

/** Write a zip (APPNOTE 6.3). Its times are fixed, so that equal input gives equal bytes. */
function zip(files: Record<string, string>): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [path, text] of Object.entries(files)) {
    const name = Buffer.from(path);
    const data = Buffer.from(text);
    const packed = deflateRawSync(data, { level: 9 });
    // Version needed 2.0, UTF-8 names, deflate, 1 January 1980 at midnight.
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(0x0800, 2);
    common.writeUInt16LE(8, 4);
    common.writeUInt16LE(0, 6);
    common.writeUInt16LE(0x21, 8);
    common.writeUInt32LE(crc32(data), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(data.length, 18);
    common.writeUInt16LE(name.length, 22);
    const header = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), common, name, packed]);
    const entry = Buffer.alloc(14);
    entry.writeUInt32LE(0o100644 * 0x10000, 6);
    entry.writeUInt32LE(offset, 10);
    // Made by Unix, so that the mode above counts.
    central.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x03", "latin1"), common, entry, name]));
    local.push(header);
    offset += header.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(central.length, 4);
  end.writeUInt16LE(central.length, 6);
  end.writeUInt32LE(directory.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...local, directory, Buffer.from("PK\x05\x06", "latin1"), end]);
}

const bundle = await build({
  entryPoints: [fileURLToPath(new URL("src/extension.ts", import.meta.url))],
  bundle: true,
  minify: true,
  write: false,
  platform: "node",
  target: "node22",
  format: "cjs",
  external: ["vscode"],
});
const described = await manifest();
const vsix = zip({
  "extension.vsixmanifest": vsixManifest(described),
  "[Content_Types].xml": CONTENT_TYPES,
  "extension/package.json": JSON.stringify(described, null, 2),
  "extension/extension.cjs": bundle.outputFiles[0]?.text ?? "",
});
await mkdir(new URL(".", OUTPUT), { recursive: true });
// Whole or not at all: an editor may be reading the one before.
const draft = new URL(`vibecode.vsix.${process.pid}.tmp`, OUTPUT);
await writeFile(draft, vsix);
await rename(draft, OUTPUT);
console.log(`${fileURLToPath(OUTPUT)}: ${vsix.length} bytes`);
