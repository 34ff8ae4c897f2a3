variable "web_ami" {
  type        = string
  description = "Bound by Ingot to acmeinc/web:latest"
}

# Stands in for a machine: replaced when its image changes.
resource "terraform_data" "web" {
  triggers_replace = var.web_ami
}
