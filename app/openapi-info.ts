/** The head of the OpenAPI document. */
export const openApiInfo = {
  title: "Ingot",
  version: "0.1.0",
  description:
    "Self-hosted artifact registry for machine images, and the Terraform pipeline that hangs on it.",
  tags: [
    { name: "artifacts", description: "Names under which versions are published" },
    { name: "versions", description: "Versions, their builds and files" },
    { name: "resolve", description: "From a reference such as acmeinc/web:latest to one image" },
    { name: "namespaces", description: "Owners of artifacts and environments" },
    { name: "tokens", description: "Credentials and what they may do" },
    { name: "subscriptions", description: "Which environments follow which artifacts" },
    { name: "environments", description: "Terraform configurations with variables, inputs, state and runs" },
    { name: "configurations", description: "Versions of an environment's Terraform configuration" },
    { name: "variables", description: "Terraform and environment variables of an environment" },
    { name: "inputs", description: "Terraform variables bound to references" },
    { name: "state", description: "Terraform's http backend" },
    { name: "runs", description: "Plans and applies" },
    { name: "system", description: "Health" },
  ],
};
