import { pipeline, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { createGzip } from "node:zlib";
import { pack, type Pack } from "tar-stream";
import { expect, test } from "vitest";
import { givenEnvironment } from "../support/environment.ts";
import { startStorySystem } from "../support/story.ts";

const system = await startStorySystem();

async function gzip(bytes: Readable | Pack): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await buffer(pipeline(bytes, createGzip(), () => undefined)));
}

async function packEntry(header: { name: string; type?: "symlink"; linkname?: string }) {
  const tar = pack();
  tar.entry({ name: "main.tf" }, "");
  tar.entry(header, "");
  tar.finalize();
  return gzip(tar);
}

const text = (bytes: string) => new Uint8Array(Buffer.from(bytes));
const badArchives: [string, () => Promise<Uint8Array<ArrayBuffer>>, RegExp][] = [
  ["nothing", async () => text(""), /^Cannot read the archive as tar\.gz: /],
  [
    "something else than gzip",
    async () => text('resource "x" "y" {}'),
    /^Cannot read the archive as tar\.gz: /,
  ],
  [
    "gzip of something else than tar",
    () => gzip(Readable.from("x".repeat(2000))),
    /^Cannot read the archive as tar\.gz: /,
  ],
  [
    "a file outside of it",
    () => packEntry({ name: "../evil.tf" }),
    /^Cannot extract "\.\.\/evil\.tf": a name has no "\.\."$/,
  ],
  [
    "a link",
    () => packEntry({ name: "passwd", type: "symlink", linkname: "/etc/passwd" }),
    /^Cannot extract "passwd": its type is "symlink"/,
  ],
  [
    "a file that would overrule the runner's",
    () => packEntry({ name: "zz_override.tf" }),
    /^Cannot use configuration file "zz_override\.tf"/,
  ],
];

for (const [what, archive, rule] of badArchives) {
  test.concurrent(`an archive with ${what} is refused and changes nothing`, async () => {
    const environment = await givenEnvironment(system);

    const reply = await environment.upload(await archive());

    expect(reply).toMatchObject({ status: 422, body: { detail: expect.stringMatching(rule) } });
    expect((await environment.call("GET", "/configurations")).body).toMatchObject({ items: [] });
  });
}

test.concurrent("an archive whose configuration is in a folder is refused with what it holds", async () => {
  const environment = await givenEnvironment(system);

  const reply = await environment.push({ "infra/main.tf": "" });

  expect(reply).toMatchObject({
    status: 422,
    body: {
      detail:
        'Cannot use the archive as a configuration: its top folder has no *.tf or *.tf.json file, but "infra"',
    },
  });
});

const backends = {
  "s3 backend": 'terraform {\n  backend "s3" {\n    bucket = "b"\n    key = "k"\n    region = "r"\n  }\n}\n',
  "cloud block":
    'terraform {\n  cloud {\n    organization = "acme"\n    workspaces {\n      name = "web"\n    }\n  }\n}\n',
};

for (const [name, block] of Object.entries(backends)) {
  test.concurrent(`a configuration with its own ${name} runs on the environment's state`, async () => {
    const environment = await givenEnvironment(system, {
      files: { "main.tf": `${block}resource "terraform_data" "vm" {}\n` },
    });

    await environment.apply();

    expect((await environment.call("GET", "/state-versions")).body).toMatchObject({ items: [{ number: 1 }] });
  });
}

test.concurrent(
  "files such as terraform.tfvars and modules are honoured, variables of the environment win",
  async () => {
    const environment = await givenEnvironment(system, {
      files: {
        "main.tf": `variable "a" {}
variable "b" {}
module "m" {
  source = "./modules/m"
  text   = "\${var.a} \${var.b}"
}
output "o" { value = module.m.text }`,
        "modules/m/main.tf": 'variable "text" {}\noutput "text" { value = var.text }\n',
        "terraform.tfvars": 'a = "from the file"\nb = "from the file"\n',
        "terraform.tfstate": "not ours",
        "errored.tfstate": "not ours",
      },
      variables: { b: "from the environment" },
    });

    await environment.apply();

    const { body } = await environment.call("GET", "/state");
    expect(body).toMatchObject({ outputs: { o: { value: "from the file from the environment" } } });
  },
);
