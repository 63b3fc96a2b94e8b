import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["assets/vendor/"] },
  js.configs.recommended,
  {
    files: ["assets/*/*.js"],
    languageOptions: { globals: globals.browser },
    rules: {
      eqeqeq: "error",
      "no-shadow": "error",
      "no-var": "error",
      "prefer-const": "error",
      // pages/ui/javascript.py joins the modules; it supports only named imports.
      "no-restricted-syntax": [
        "error",
        "ImportNamespaceSpecifier",
        "ImportDefaultSpecifier",
        "ImportExpression",
        "ExportAllDeclaration",
      ],
    },
  },
  { files: ["tests/player/*.js"], languageOptions: { globals: globals.node } },
];
