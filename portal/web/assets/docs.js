// Starts Swagger UI on the portal's own document. In a file of its own, because inline scripts are forbidden.
window.addEventListener("load", () => {
  window.ui = SwaggerUIBundle({
    url: document.getElementById("swagger-ui").dataset.document,
    dom_id: "#swagger-ui",
    deepLinking: true,
    docExpansion: "none",
    filter: true,
    displayRequestDuration: true,
    validatorUrl: null,
    persistAuthorization: false,
  });
});
