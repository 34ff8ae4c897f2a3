import { describe, expect, test } from "vitest";
import { captureTerraform } from "./capture.ts";
import { terraformEnvironment, type RunEnvironment } from "./environment.ts";
import { writeRunFiles, writeRunHome } from "./run-files.ts";
import {
  anyTerraform,
  givenFolder,
  givenStateServer,
  noTerraform,
  run,
  withTerraform,
} from "./test-support.ts";
import { InvalidRunVariableError } from "./variable-error.ts";

const settings: RunEnvironment = {
  home: "/run/1",
  path: "/usr/bin:/bin",
  stateUrl: "http://ingot.example/state",
  username: "run-1",
  password: "run-password",
  variables: [],
};

function environmentWith(name: string, value = "x"): Record<string, string> {
  return terraformEnvironment({ ...settings, variables: [{ name, value }] });
}

test("of the host's environment only proxies and authorities pass", () => {
  const host = {
    DATABASE_URL: "postgres://x",
    INGOT_SECRET_KEY: "k",
    SSL_CERT_FILE: "/ca.pem",
    HTTPS_PROXY: "http://proxy",
  };

  const environment = terraformEnvironment({ ...settings, host });

  expect(environment).toEqual({
    PATH: "/usr/bin:/bin",
    HOME: "/run/1",
    TMPDIR: "/run/1/tmp",
    LANG: "C.UTF-8",
    SSL_CERT_FILE: "/ca.pem",
    HTTPS_PROXY: "http://proxy",
    NO_PROXY: "ingot.example",
    no_proxy: "ingot.example",
    TF_IN_AUTOMATION: "1",
    TF_INPUT: "0",
    CHECKPOINT_DISABLE: "1",
    TF_CLI_CONFIG_FILE: "/run/1/terraform.rc",
    TF_HTTP_ADDRESS: "http://ingot.example/state",
    TF_HTTP_LOCK_ADDRESS: "http://ingot.example/state",
    TF_HTTP_UNLOCK_ADDRESS: "http://ingot.example/state",
    TF_HTTP_USERNAME: "run-1",
    TF_HTTP_PASSWORD: "run-password",
    TF_HTTP_RETRY_MAX: "9",
    TF_HTTP_RETRY_WAIT_MIN: "1",
    TF_HTTP_RETRY_WAIT_MAX: "10",
  });
});

test("the state is added to the host's exceptions from the proxy", () => {
  const host = { http_proxy: "http://proxy", no_proxy: "a.example" };

  expect(terraformEnvironment({ ...settings, host })["NO_PROXY"]).toBe("a.example,ingot.example");
});

test("a variable of the user arrives, also one that Terraform reads", () => {
  for (const name of ["AWS_REGION", "TF_VAR_size", "TF_LOG", "TF_TOKEN_app_terraform_io"]) {
    expect(environmentWith(name, "a=b\nc")).toMatchObject({ [name]: "a=b\nc" });
  }
});

test.each([
  "PATH",
  "HOME",
  "TMPDIR",
  "HTTPS_PROXY",
  "no_proxy",
  "SSL_CERT_FILE",
  "LD_PRELOAD",
  "CHECKPOINT_DISABLE",
  "TF_HTTP_ADDRESS",
  "TF_CLI_ARGS_plan",
  "TF_DATA_DIR",
  "TF_WORKSPACE",
  "TF_REATTACH_PROVIDERS",
])("%s is reserved", (name) => {
  expect(() => environmentWith(name)).toThrow(
    `Cannot set variable "${name}": the name is reserved for the runner`,
  );
});

test("a bad variable is an error that names it", () => {
  expect(() => environmentWith("A=B")).toThrow(InvalidRunVariableError);
  expect(() => environmentWith("")).toThrow(InvalidRunVariableError);
  expect(() => environmentWith("A", "x\0y")).toThrow('"A": a value has no NUL');
  expect(() => environmentWith("A", "é".repeat(70_000))).toThrow('"A": name and value have at most 128 KiB');
  const twice = ["1", "2"].map((value) => ({ name: "A", value }));
  expect(() => terraformEnvironment({ ...settings, variables: twice })).toThrow('"A": it is set twice');
});

const backends = {
  none: "",
  cloud: 'cloud {\n organization = "acme"\n workspaces {\n name = "x"\n }\n}',
  local: 'backend "local" {\n path = "other.tfstate"\n}',
  s3: 'backend "s3" {\n bucket = "b"\n key = "k"\n region = "us-east-1"\n}',
  remote: 'backend "remote" {\n organization = "acme"\n workspaces {\n name = "x"\n }\n}',
  http: 'backend "http" {\n address = "http://127.0.0.1:1/"\n username = "other"\n}',
};

describe(`the state of a run${withTerraform}`, () => {
  test.skipIf(noTerraform).each(Object.entries(backends))(
    "goes to us in the place of %s",
    async (_name, block) => {
      await using server = await givenStateServer();
      await using home = await givenFolder();
      await using folder = await givenFolder({
        "main.tf": `terraform {\n${block}\n}\nresource "terraform_data" "a" {}`,
      });
      const env = terraformEnvironment({
        ...settings,
        home: home.path,
        stateUrl: server.url,
        path: process.env["PATH"] ?? "",
      });
      await writeRunHome(home.path);
      await writeRunFiles(folder.path, { terraformVariables: [] });

      const init = {
        terraform: anyTerraform(),
        args: ["init", "-no-color"],
        cwd: folder.path,
        env,
        timeoutMs: 30_000,
      };
      const { stderr } = await captureTerraform(init);
      await run(folder.path, ["apply", "-auto-approve"], env);

      expect(stderr).toBe("");
      expect(server.requests).toEqual(expect.arrayContaining(["GET", "LOCK", "POST", "UNLOCK"]));
      expect([...server.authorization]).toEqual([
        `Basic ${Buffer.from("run-1:run-password").toString("base64")}`,
      ]);
    },
  );
});
