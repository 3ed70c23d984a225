package org.phantom_worker.engine;

import org.camunda.bpm.engine.rest.security.auth.ProcessEngineAuthenticationFilter;
import org.camunda.bpm.engine.rest.security.auth.impl.HttpBasicAuthenticationProvider;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.web.servlet.FilterRegistrationBean;
import org.springframework.context.annotation.Bean;

/** Camunda 7 as a process of its own; what it does is said in {@code application.yaml}. */
@SpringBootApplication
public class LocalEngine {

  public static void main(String[] arguments) {
    SpringApplication.run(LocalEngine.class, arguments);
  }

  /** Asks every REST call for a user and a password, as a bank's engine does. */
  @Bean
  @ConditionalOnProperty("phantom.auth")
  FilterRegistrationBean<ProcessEngineAuthenticationFilter> basicAuthentication() {
    var filter = new FilterRegistrationBean<>(new ProcessEngineAuthenticationFilter());
    filter.addInitParameter(
        ProcessEngineAuthenticationFilter.AUTHENTICATION_PROVIDER_PARAM,
        HttpBasicAuthenticationProvider.class.getName());
    filter.addUrlPatterns("/engine-rest/*");
    // Long polls are asynchronous requests: a filter without this makes the container refuse them.
    filter.setAsyncSupported(true);
    return filter;
  }
}
