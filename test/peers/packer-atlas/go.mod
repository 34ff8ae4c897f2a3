module ingot.invalid/test/peers/packer-atlas

go 1.19

require github.com/hashicorp/packer v1.2.5

require (
	github.com/Azure/go-ntlmssp v0.0.0-20180810175552-4a21cbd618b4 // indirect
	github.com/ChrisTrenkamp/goxpath v0.0.0-20170625215350-4fe035839290 // indirect
	github.com/dylanmei/iso8601 v0.1.0 // indirect
	github.com/dylanmei/winrmtest v0.0.0-20210303004826-fbc9ae56efb6 // indirect
	github.com/hashicorp/atlas-go v0.0.0-20161107204910-1792bd8de119 // indirect
	github.com/hashicorp/errwrap v0.0.0-20141028054710-7554cd9344ce // indirect
	github.com/hashicorp/go-checkpoint v0.0.0-20171009173528-1545e56e46de // indirect
	github.com/hashicorp/go-cleanhttp v0.0.0-20160217214820-875fb671b3dd // indirect
	github.com/hashicorp/go-multierror v0.0.0-20150916205742-d30f09973e19 // indirect
	github.com/hashicorp/go-rootcerts v0.0.0-20160503143440-6bb64b370b90 // indirect
	github.com/hashicorp/go-uuid v0.0.0-20160329185618-73d19cdc2bf0 // indirect
	github.com/hashicorp/go-version v0.0.0-20160119211326-7e3c02b30806 // indirect
	github.com/kr/fs v0.0.0-20131111012553-2788f0dbd169 // indirect
	github.com/masterzen/azure-sdk-for-go v0.0.0-20161014135628-ee4f0065d00c // indirect
	github.com/masterzen/simplexml v0.0.0-20140219194429-95ba30457eb1 // indirect
	github.com/masterzen/winrm v0.0.0-20180224160350-7e40f93ae939 // indirect
	github.com/mitchellh/go-fs v0.0.0-20180402234041-7b48fa161ea7 // indirect
	github.com/mitchellh/go-homedir v1.1.0 // indirect
	github.com/mitchellh/iochan v0.0.0-20150529224432-87b45ffd0e95 // indirect
	github.com/mitchellh/mapstructure v0.0.0-20180111000720-b4575eea38cc // indirect
	github.com/mitchellh/reflectwalk v1.0.0 // indirect
	github.com/nu7hatch/gouuid v0.0.0-20131221200532-179d4d0c4d8d // indirect
	github.com/packer-community/winrmcp v0.0.0-20180921204643-0fd363d6159a // indirect
	github.com/pkg/sftp v0.0.0-20160118190721-e84cc8c755ca // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	golang.org/x/crypto v0.0.0-20200622213623-75b288015ac9 // indirect
	golang.org/x/net v0.0.0-20200813134508-3edf25e44fcc // indirect
	golang.org/x/sys v0.20.0 // indirect
	golang.org/x/text v0.3.0 // indirect
	gopkg.in/check.v1 v1.0.0-20201130134442-10cb98267c6c // indirect
	launchpad.net/gocheck v0.0.0-20140225173054-000000000087 // indirect
)
